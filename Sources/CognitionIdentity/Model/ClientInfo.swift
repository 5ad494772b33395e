/// Who sends a request, as far as the network tells.
package struct ClientInfo: Sendable, Hashable {
    /// An IPv4 or IPv6 address without a port; `nil` for this machine's own command line.
    package let address: String?
    package let userAgent: String?

    package static let userAgentBytesMax = 512
    package static let addressBytesMax = 64

    /// Texts that are too long are cut; an empty one is none.
    package init(address: String?, userAgent: String? = nil) {
        self.address = address.flatMap { $0.isEmpty ? nil : $0.cut(toBytes: Self.addressBytesMax) }
        self.userAgent = userAgent.flatMap { $0.isEmpty ? nil : $0.cut(toBytes: Self.userAgentBytesMax) }
    }

    /// The machine's own command line.
    package static let local = ClientInfo(address: nil)
}

extension String {
    /// The longest beginning of at most `count` bytes that does not break a character of Unicode.
    fileprivate func cut(toBytes count: Int) -> String {
        guard utf8.count > count else { return self }
        var bytes = 0
        return String(
            String.UnicodeScalarView(
                unicodeScalars.prefix { scalar in
                    bytes += UTF8.width(scalar)
                    return bytes <= count
                }))
    }
}
