#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An IPv4 or IPv6 address as a number; an IPv6 form that only wraps an IPv4 address is that IPv4 address.
///
/// Wrapping forms: IPv4-mapped `::ffff:a.b.c.d`, IPv4-compatible `::a.b.c.d` (RFC 4291), NAT64 `64:ff9b::/96` (RFC
/// 6052) and 6to4 `2002::/16` (RFC 3056). A rule about the inner address would be worth nothing if they walked around
/// it.
package struct IPAddress: Sendable, Hashable {
    package enum Family: Sendable, Hashable { case v4, v6 }

    package let family: Family
    /// The address as a number, most significant byte first; below 2^32 for IPv4.
    package let bits: UInt128

    private init(family: Family, bits: UInt128) {
        self.family = family
        self.bits = bits
    }

    package init(v4 bits: UInt32) { self.init(family: .v4, bits: UInt128(bits)) }

    package init(v6 bits: UInt128) {
        let inner = IPAddress.wrappedIPv4(in: bits)
        self.init(family: inner == nil ? .v6 : .v4, bits: inner.map { UInt128($0) } ?? bits)
    }

    /// Reads `a.b.c.d` or an IPv6 address without brackets; a zone (`%eth0`) is dropped. `nil` for anything else.
    package init?(_ text: String) {
        let address =
            text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init) ?? text
        var v4 = in_addr()
        if inet_pton(AF_INET, address, &v4) == 1 {
            self.init(v4: UInt32(bigEndian: v4.s_addr))
            return
        }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, address, &v6) == 1 else { return nil }
        self.init(v6: withUnsafeBytes(of: v6) { $0.reduce(UInt128(0)) { $0 << 8 | UInt128($1) } })
    }

    private static func wrappedIPv4(in bits: UInt128) -> UInt32? {
        let low = UInt32(truncatingIfNeeded: bits)
        switch bits >> 32 {
        case 0xFFFF: return low
        case 0 where low > 1: return low  // :: and ::1 are addresses of their own
        case 0x0064_FF9B << 64: return low
        default: return bits >> 112 == 0x2002 ? UInt32(truncatingIfNeeded: bits >> 80) : nil
        }
    }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        if family == .v4 {
            return [24, 16, 8, 0].map { String(bits >> $0 & 0xFF) }.joined(separator: ".")
        }
        var address = in6_addr()
        withUnsafeMutableBytes(of: &address) { bytes in
            for index in 0..<16 { bytes[index] = UInt8(truncatingIfNeeded: bits >> (8 * (15 - index))) }
        }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            guard let start = text.baseAddress,
                inet_ntop(AF_INET6, &address, start, socklen_t(INET6_ADDRSTRLEN)) != nil
            else { return String(bits, radix: 16) }
            return String(cString: start)
        }
    }
}

/// A range of addresses in CIDR notation: `10.0.0.0/8`, `fd00::/8`, or one address.
package struct IPRange: Sendable, Hashable {
    package let first: IPAddress
    /// Bits that all addresses of the range share; 0...32 for IPv4, 0...128 for IPv6.
    package let prefix: Int

    /// `nil` when it is no address, or the prefix is out of range. Bits behind the prefix are ignored.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard !parts[0].contains("%"), let first = IPAddress(parts[0]) else { return nil }
        let wide = first.family == .v4 ? 32 : 128
        guard parts.count == 2 else {
            self.init(first: first, prefix: wide)
            return
        }
        guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let prefix = Int(parts[1])
        else { return nil }
        // `::ffff:10.0.0.0/104` is the range 10.0.0.0/8 in its wrapped spelling.
        let mapped = first.family == .v4 && parts[0].contains(":")
        let own = mapped ? prefix - 96 : prefix
        guard (0...wide).contains(own) else { return nil }
        self.init(first: first, prefix: own)
    }

    private init(first: IPAddress, prefix: Int) {
        self.first = first
        self.prefix = prefix
    }

    package func contains(_ address: IPAddress) -> Bool {
        guard address.family == first.family else { return false }
        let shift = (first.family == .v4 ? 32 : 128) - prefix
        return address.bits >> shift == first.bits >> shift
    }
}
