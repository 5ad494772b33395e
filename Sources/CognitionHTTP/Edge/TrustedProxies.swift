package import CognitionCore
package import HTTPTypes
package import NIOCore

/// The proxies whose word about a client is taken: `Forwarded` (RFC 7239) and `X-Forwarded-For`, `-Proto` and `-Host`.
///
/// Every proxy adds to the right what it has seen itself, so the list is read from the right: as long as an entry is that of
/// a declared proxy, the one before it is believed. Whatever stands further left anybody may have written.
///
/// A proxy that writes one kind of these headers may hand on the other as the client has sent it. So one kind alone is read:
/// the one that was declared, or else the one that is there; where both are, neither is believed.
package struct TrustedProxies: Sendable {
    /// Entries of a list that are looked at; more than any chain of proxies has.
    private static let hopsMax = 32

    /// Which headers the proxies write.
    package enum Headers: String, Sendable, CaseIterable {
        case forwarded
        case xForwarded = "x-forwarded"
    }

    private let ranges: [IPRange]
    /// `nil` when that was not declared.
    private let headers: Headers?

    /// Nobody is believed.
    package static let none = TrustedProxies()

    private init() { (ranges, headers) = ([], nil) }

    /// - Parameters:
    ///   - texts: Addresses and CIDR ranges.
    ///   - headers: Which the proxies write; the others are not read.
    /// - Throws: `request.proxy_invalid` that names every entry that is none of these.
    package init(_ texts: [String], writing headers: Headers? = nil) throws {
        self.headers = headers
        ranges = texts.compactMap { IPRange($0) }
        guard ranges.count == texts.count else {
            let wrong = texts.filter { IPRange($0) == nil }.map { "'\($0)'" }.joined(separator: ", ")
            throw RequestError(.proxyInvalid, "neither an address nor a CIDR range: \(wrong)")
        }
    }

    package var isEmpty: Bool { ranges.isEmpty }

    private func trusts(_ address: IPAddress) -> Bool { ranges.contains { $0.contains(address) } }

    /// Where a request comes from.
    /// - Parameter isEncrypted: Whether the connection itself is.
    package func origin(of headers: HTTPFields, from peer: SocketAddress?, isEncrypted: Bool) -> ClientOrigin {
        var origin = ClientOrigin(peer: peer, isEncrypted: isEncrypted)
        guard let address = origin.address else { return origin }
        guard trusts(address), let kind = self.headers ?? Self.kind(of: headers),
            let hops = ForwardedHops(headers, kind, max: Self.hopsMax)
        else {
            origin.isHearsay = Self.speaks(headers)
            return origin
        }
        for hop in hops.reversed() {
            origin.scheme = hop.scheme ?? origin.scheme
            origin.host = hop.host ?? origin.host
            guard let next = hop.address else {
                // `unknown`, or a name that stands for nothing here: what lies behind is not known.
                origin.isHearsay = true
                break
            }
            origin.address = next
            guard trusts(next) else { break }
        }
        return origin
    }

    /// The kind of headers that is there; `nil` when none is, or both are.
    private static func kind(of headers: HTTPFields) -> Headers? {
        switch (headers.contains(.forwarded), headers.contains(.xForwardedFor)) {
        case (true, false): .forwarded
        case (false, true): .xForwarded
        case (true, true), (false, false): nil
        }
    }

    /// Whether somebody on the way has said that the client is somebody else.
    private static func speaks(_ headers: HTTPFields) -> Bool {
        headers.contains(.forwarded) || headers.contains(.xForwardedFor)
    }
}

/// Where a request comes from, as far as that is known.
package struct ClientOrigin: Sendable {
    /// `nil` for a socket of the file system.
    package internal(set) var address: IPAddress?
    /// `http` or `https`, as the client has spoken to the first proxy that is believed.
    package internal(set) var scheme: String
    /// The host that the client has named, where a proxy tells; else that of the request.
    package internal(set) var host: String?
    /// Somebody who is not believed says that the client is somebody else, so nothing follows from the address.
    package internal(set) var isHearsay = false
    private let isLocalSocket: Bool

    init(peer: SocketAddress?, isEncrypted: Bool) {
        scheme = isEncrypted ? "https" : "http"
        address = peer?.ipAddress.flatMap { IPAddress($0) }
        if case .unixDomainSocket = peer { isLocalSocket = true } else { isLocalSocket = false }
    }

    package var isEncrypted: Bool { scheme == "https" }

    /// Whether the client is on this machine.
    package var isLoopback: Bool {
        guard !isHearsay else { return false }
        guard let address else { return isLocalSocket }
        return address.family == .v4 ? address.bits >> 24 == 127 : address.bits == 1
    }
}

/// What the proxies on the way say, the one furthest from us first.
private struct ForwardedHops {
    struct Hop {
        var address: IPAddress?
        var scheme: String?
        var host: String?
    }

    private var hops: [Hop] = []

    /// - Returns: `nil` when they say nothing.
    init?(_ headers: HTTPFields, _ kind: TrustedProxies.Headers, max: Int) {
        switch kind {
        case .forwarded:
            for element in Self.split(headers[.forwarded] ?? "", at: ",").suffix(max) { hops.append(Self.hop(element)) }
        case .xForwarded: readList(headers, max)
        }
        guard !hops.isEmpty else { return nil }
    }

    private mutating func readList(_ headers: HTTPFields, _ max: Int) {
        let schemes = Self.list(headers[.xForwardedProto], max)
        let hosts = Self.list(headers[.xForwardedHost], max)
        for text in Self.list(headers[.xForwardedFor], max) { hops.append(Hop(address: Self.address(text))) }
        guard !hops.isEmpty else { return }
        // Where there is one for each hop they belong together; a single one is that of the last proxy, or was handed on.
        for index in hops.indices {
            hops[index].scheme = Self.scheme(schemes.count == hops.count ? schemes[index] : schemes.last)
            hops[index].host = Self.host(hosts.count == hops.count ? hosts[index] : hosts.last)
        }
    }

    func reversed() -> ReversedCollection<[Hop]> { hops.reversed() }

    private static func list(_ text: String?, _ max: Int) -> [String] {
        (text?.split(separator: ",") ?? []).suffix(max).map { $0.trimmingSpaces }.filter { !$0.isEmpty }
    }

    /// One element: `for=192.0.2.60;proto=https;host=example.com`.
    private static func hop(_ text: Substring) -> Hop {
        var hop = Hop()
        for pair in split(String(text), at: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = unquoted(parts[1].trimmingSpaces)
            switch parts[0].trimmingSpaces.lowercased() {
            case "for": hop.address = address(value)
            case "proto": hop.scheme = scheme(value)
            case "host": hop.host = host(value)
            default: break
            }
        }
        return hop
    }

    /// An address with or without a port; IPv6 with a port in brackets.
    private static func address(_ text: String) -> IPAddress? {
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            return IPAddress(String(text[text.index(after: text.startIndex)..<end]))
        }
        if let address = IPAddress(text) { return address }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        return IPAddress(String(text[..<colon]))
    }

    private static func scheme(_ text: String?) -> String? {
        guard let scheme = text?.lowercased(), ["http", "https"].contains(scheme) else { return nil }
        return scheme
    }

    private static func host(_ text: String?) -> String? {
        guard let text, (1...255).contains(text.utf8.count),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !#"/\@"<>"#.utf8.contains($0) })
        else { return nil }
        return text
    }

    /// Splits outside of quoted strings.
    /// - Returns: Nothing for a text in which a quote stays open: a client could hide in it what a proxy has added.
    private static func split(_ text: String, at separator: Character) -> [Substring] {
        var isQuoted = false
        var isEscaped = false
        let parts = text.split { character in
            defer { isEscaped = isQuoted && !isEscaped && character == "\\" }
            if character == "\"", !isEscaped { isQuoted.toggle() }
            return character == separator && !isQuoted
        }
        return isQuoted ? [] : parts
    }

    private static func unquoted(_ text: String) -> String {
        guard text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") else { return text }
        return String(text.dropFirst().dropLast()).replacing("\\", with: "")
    }
}

extension StringProtocol {
    /// Without the spaces and tabs around it.
    var trimmingSpaces: String {
        let text = String(self)
        let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        guard let first = text.utf8.firstIndex(where: { !isSpace($0) }),
            let last = text.utf8.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(text[first...last])
    }
}
