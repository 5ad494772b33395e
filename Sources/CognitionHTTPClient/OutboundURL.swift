package import CognitionCore

/// The part of a URL that decides with whom we speak; requests to one origin share connections and a circuit.
package struct Origin: Sendable, Hashable, CustomStringConvertible {
    package let isSecure: Bool
    /// Lower case, without brackets.
    package let host: String
    package let port: Int

    package init(isSecure: Bool, host: String, port: Int) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
    }

    package var description: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return "\(isSecure ? "https" : "http")://\(name)" + (port == (isSecure ? 443 : 80) ? "" : ":\(port)")
    }
}

/// An absolute `http` or `https` URL, read strictly and written anew.
///
/// What is checked and what is sent cannot differ, because only the text rebuilt from the parts leaves. Refused: other
/// schemes, user information, a backslash or `%` in the authority, host names that are not letters, digits, `-`, `_`
/// and `.` (international names in their `xn--` form). IPv4 is read in every spelling that C libraries take
/// (`2130706433`, `0x7f.1`, `0177.0.0.1`: WHATWG URL, "IPv4 parser") and written as four decimal numbers.
package struct OutboundURL: Sendable, Hashable {
    package let origin: Origin
    /// Set when the host is a literal address.
    package let address: IPAddress?
    /// Path and query, beginning with `/`; what must be is percent-encoded.
    package let target: String

    package static let bytesMax = 16_384

    package init(_ text: String) throws {
        guard text.utf8.count <= OutboundURL.bytesMax else {
            throw OutboundURL.invalid("The URL is longer than \(OutboundURL.bytesMax) bytes.")
        }
        guard !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            throw OutboundURL.invalid("The URL holds a control character.")
        }
        let bytes = Array(text.utf8)
        let (isSecure, start) = try OutboundURL.scheme(of: bytes)
        let end = bytes[start...].firstIndex { [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains($0) }
        let authority = String(decoding: bytes[start..<(end ?? bytes.count)], as: UTF8.self)
        let (host, address, port) = try OutboundURL.authority(authority)
        self.origin = Origin(isSecure: isSecure, host: host, port: port ?? (isSecure ? 443 : 80))
        self.address = address
        self.target = OutboundURL.target(String(decoding: bytes[(end ?? bytes.count)...], as: UTF8.self))
    }

    private init(origin: Origin, address: IPAddress?, target: String) {
        self.origin = origin
        self.address = address
        self.target = target
    }

    /// The URL that a `Location` header means when it was received from here (RFC 3986, section 5.2).
    package func resolving(_ reference: String) throws -> OutboundURL {
        let plain = String(reference.prefix { $0 != "#" })
        if plain.hasPrefix("//") { return try OutboundURL((origin.isSecure ? "https:" : "http:") + plain) }
        if OutboundURL.hasScheme(plain) { return try OutboundURL(plain) }
        guard plain.utf8.count <= OutboundURL.bytesMax else { throw OutboundURL.invalid("The redirect is too long.") }
        let ownPath = target.prefix { $0 != "?" }
        let merged: String
        if plain.isEmpty {
            merged = target
        } else if plain.hasPrefix("?") {
            merged = ownPath + plain
        } else if plain.hasPrefix("/") {
            merged = plain
        } else {
            merged = ownPath[...(ownPath.lastIndex(of: "/") ?? ownPath.startIndex)] + plain
        }
        let path = OutboundURL.removingDotSegments(String(merged.prefix { $0 != "?" }))
        return OutboundURL(
            origin: origin, address: address, target: OutboundURL.target(path + merged.drop { $0 != "?" }))
    }
}

extension OutboundURL: CustomStringConvertible {
    package var description: String { "\(origin)\(target)" }
}

// MARK: Parts

extension OutboundURL {
    private static func invalid(_ message: String) -> OutboundHTTPError {
        OutboundHTTPError(OutboundHTTPError.invalidURL, message)
    }

    /// Whether a reference begins with any scheme and is therefore absolute.
    private static func hasScheme(_ reference: String) -> Bool {
        guard let colon = reference.firstIndex(of: ":"), let first = reference.first, first.isASCII, first.isLetter
        else {
            return false
        }
        return reference[..<colon].allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
    }

    private static func scheme(of bytes: [UInt8]) throws -> (isSecure: Bool, authority: Int) {
        let text = String(decoding: bytes.prefix(8), as: UTF8.self).lowercased()
        if text.hasPrefix("http://") { return (false, 7) }
        if text.hasPrefix("https://") { return (true, 8) }
        throw invalid("The URL must be absolute and begin with http:// or https://.")
    }

    private static func authority(_ text: String) throws -> (host: String, address: IPAddress?, port: Int?) {
        guard !text.contains("@") else {
            throw invalid("User information in a URL is refused; send an Authorization header instead.")
        }
        let host: Substring
        var port: Int?
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else {
                throw invalid("The bracket of the IPv6 address is not closed.")
            }
            host = text[text.index(after: text.startIndex)..<close]
            port = try self.port(text[text.index(after: close)...])
            guard !host.contains("%"), host.contains(":"), let address = IPAddress(String(host)) else {
                throw invalid("Not an IPv6 address: [\(host)]; zones are refused.")
            }
            return (address.description, address, port)
        }
        host = text.prefix { $0 != ":" }
        port = try self.port(text[host.endIndex...])
        guard let name = canonicalName(String(host)) else {
            throw invalid("Not a host name: '\(host.prefix(253))'. International names are written in their xn-- form.")
        }
        guard endsInNumber(name) else { return (name, nil, port) }
        guard let v4 = ipv4(name) else { throw invalid("Not an IPv4 address: '\(name)'.") }
        let address = IPAddress(v4: v4)
        return (address.description, address, port)
    }

    private static func port(_ text: Substring) throws -> Int? {
        if text.isEmpty || text == ":" { return nil }
        guard text.first == ":", text.utf8.count <= 6, text.dropFirst().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(text.dropFirst()), (1...65_535).contains(port)
        else { throw invalid("The port must be a number from 1 to 65535.") }
        return port
    }

    /// Lower case, one trailing dot dropped; `nil` when it is no host name of at most 253 bytes with labels of 1...63.
    static func canonicalName(_ text: String) -> String? {
        var name = text.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        guard (1...253).contains(name.utf8.count) else { return nil }
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isFine = labels.allSatisfy { label in
            (1...63).contains(label.count)
                && label.allSatisfy {
                    (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F
                }
        }
        return isFine ? name : nil
    }

    /// Whether resolvers would read the name as an IPv4 address: its last label is a decimal, octal or hexadecimal
    /// number.
    private static func endsInNumber(_ name: String) -> Bool {
        guard let last = name.split(separator: ".").last else { return false }
        return last.utf8.allSatisfy { (0x30...0x39).contains($0) } || number(last) != nil
    }

    private static func number(_ label: Substring) -> UInt64? {
        if label.hasPrefix("0x") { return label.count == 2 ? 0 : UInt64(label.dropFirst(2), radix: 16) }
        if label.hasPrefix("0") && label.count > 1 { return UInt64(label.dropFirst(), radix: 8) }
        return UInt64(label, radix: 10)
    }

    private static func ipv4(_ name: String) -> UInt32? {
        let labels = name.split(separator: ".")
        guard labels.count <= 4 else { return nil }
        var numbers: [UInt64] = []
        for label in labels {
            guard let value = number(label) else { return nil }
            numbers.append(value)
        }
        guard let last = numbers.popLast(), numbers.allSatisfy({ $0 <= 255 }),
            last < 1 << (8 * (4 - UInt64(numbers.count)))
        else { return nil }
        return numbers.enumerated().reduce(UInt32(last)) { $0 | UInt32($1.element) << (8 * (3 - UInt32($1.offset))) }
    }

    /// Drops the fragment and percent-encodes what may not stand in a request line; `%` that begins no escape becomes
    /// `%25`.
    private static func target(_ text: String) -> String {
        let bytes = Array(text.utf8.prefix { $0 != UInt8(ascii: "#") })
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count + 1)
        if bytes.first != UInt8(ascii: "/") { out.append(UInt8(ascii: "/")) }
        for (index, byte) in bytes.enumerated() {
            let isEscape =
                byte == UInt8(ascii: "%") && index + 2 < bytes.count && isHex(bytes[index + 1])
                && isHex(bytes[index + 2])
            if isEscape || (byte != UInt8(ascii: "%") && isPlain(byte)) {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                out.append(hexDigits[Int(byte >> 4)])
                out.append(hexDigits[Int(byte & 15)])
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static let hexDigits = Array("0123456789ABCDEF".utf8)
    private static let plainMarks = Set("-._~!$&'()*+,;=:@/?".utf8)

    private static func isHex(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    /// RFC 3986: unreserved, sub-delims and what else a path or query may hold.
    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || plainMarks.contains(byte)
    }

    /// RFC 3986, section 5.2.4.
    private static func removingDotSegments(_ path: String) -> String {
        var kept: [Substring] = []
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for (offset, segment) in segments.enumerated() {
            let isLast = offset == segments.count - 1
            switch segment {
            case ".": if isLast { kept.append("") }
            case "..":
                _ = kept.popLast()
                if isLast { kept.append("") }
            default: kept.append(segment)
            }
        }
        return "/" + kept.joined(separator: "/")
    }
}
