package import CognitionCore

/// Which servers a workflow may call.
///
/// Refused unless allowed by name or range: link-local addresses, the metadata services of clouds (they hand out
/// credentials to whoever asks), the unspecified, multicast and broadcast addresses. Loopback and private ranges are
/// allowed unless `private` is denied. Order of judgement: an allowed host is allowed whatever it resolves to; a denied
/// host is refused; then every address: allowed range, denied range, the ranges above.
package struct EgressRules: Sendable, Hashable {
    private var allowedHosts: [HostPattern] = []
    private var deniedHosts: [HostPattern] = []
    private var allowedRanges: [IPRange] = []
    private var deniedRanges: [IPRange] = []
    private var deniesPrivate = false

    /// The rules of a fresh installation.
    package static let standard = EgressRules()

    private init() {}

    /// - Parameters:
    /// - deny: `private`, host names (`example.com`, or `*.example.com` for everything below it), addresses, CIDR
    ///     ranges.
    ///   - allow: The same without `private`; wins over `deny`.
    /// - Throws: `OutboundHTTPError` (`http_client.invalid_rule`) that names every entry that is none of these.
    package init(deny: [String], allow: [String]) throws {
        var faults: [String] = []
        for entry in deny {
            if entry.lowercased() == "private" {
                deniesPrivate = true
            } else if let range = IPRange(entry) {
                deniedRanges.append(range)
            } else if let host = HostPattern(entry) {
                deniedHosts.append(host)
            } else {
                faults.append(entry)
            }
        }
        for entry in allow {
            if let range = IPRange(entry) {
                allowedRanges.append(range)
            } else if let host = HostPattern(entry) {
                allowedHosts.append(host)
            } else {
                faults.append(entry)
            }
        }
        guard faults.isEmpty else {
            throw OutboundHTTPError(
                .init("http_client.invalid_rule", category: .invalid),
                "Neither a host name, an address nor a CIDR range: \(faults.map { "'\($0)'" }.joined(separator: ", "))."
            )
        }
    }

    package enum HostVerdict: Sendable, Hashable {
        /// Whatever it resolves to.
        case allowed
        /// Its addresses decide.
        case byAddress
        case refused
    }

    /// - Parameter host: Lower case, without brackets and trailing dot.
    package func verdict(host: String) -> HostVerdict {
        if allowedHosts.contains(where: { $0.matches(host) }) { return .allowed }
        if deniedHosts.contains(where: { $0.matches(host) }) || EgressRules.metadataHosts.contains(host) {
            return .refused
        }
        if deniesPrivate && (host == "localhost" || host.hasSuffix(".localhost")) { return .refused }
        return .byAddress
    }

    package func allows(_ address: IPAddress) -> Bool {
        if allowedRanges.contains(where: { $0.contains(address) }) { return true }
        if deniedRanges.contains(where: { $0.contains(address) }) { return false }
        if EgressRules.neverMeant.contains(where: { $0.contains(address) }) { return false }
        return !(deniesPrivate && EgressRules.privateRanges.contains { $0.contains(address) })
    }
}

extension EgressRules {
    /// Names that clouds give to their metadata service; most also resolve to one of the addresses below.
    private static let metadataHosts: Set<String> = [
        "metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal",
        "metadata.azure.internal", "metadata.tencentyun.com", "metadata.platformequinix.com",
    ]

    /// Link-local (RFC 3927, RFC 4291), unspecified, multicast, reserved and broadcast, then metadata services outside
    /// them: AWS over IPv6, Google over IPv6, Alibaba, Oracle, the Azure host.
    private static let neverMeant: [IPRange] = [
        "169.254.0.0/16", "fe80::/10", "0.0.0.0/8", "::/128", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8",
        "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16",
    ].compactMap(IPRange.init)

    /// Loopback, RFC 1918, shared (RFC 6598), IETF protocol, benchmarking (RFC 2544), unique local and site-local
    /// addresses.
    private static let privateRanges: [IPRange] = [
        "127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24",
        "198.18.0.0/15", "fc00::/7", "fec0::/10",
    ].compactMap(IPRange.init)
}

/// `example.com`, or `*.example.com` for every name below it.
private struct HostPattern: Sendable, Hashable {
    let name: String
    let below: Bool

    init?(_ text: String) {
        below = text.hasPrefix("*.")
        guard let name = OutboundURL.canonicalName(below ? String(text.dropFirst(2)) : text) else { return nil }
        self.name = name
    }

    func matches(_ host: String) -> Bool { below ? host.hasSuffix("." + name) : host == name }
}
