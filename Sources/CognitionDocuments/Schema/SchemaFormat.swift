import CognitionCore

/// The values of `format` that are asserted.
enum SchemaFormat: String, Sendable {
    case dateTime = "date-time"
    case date
    case time
    case duration
    case email
    case uri
    case uuid
    case ipv4
    case ipv6

    func accepts(_ text: String) -> Bool {
        switch self {
        case .dateTime: RFC3339Reader.isDateTime(text)
        case .date: RFC3339Reader.isDate(text)
        case .time: RFC3339Reader.isTime(text)
        case .duration: SchemaFormat.isDuration(text)
        case .email: SchemaFormat.isEmail(text)
        case .uri: SchemaFormat.isURI(text)
        case .uuid: UUIDv7(text) != nil
        case .ipv4: SchemaFormat.isIPv4(text.utf8[...])
        case .ipv6: SchemaFormat.isIPv6(text)
        }
    }

    /// RFC 3339, appendix A: weeks alone, or parts without a gap between the largest and the smallest unit.
    private static func isDuration(_ text: String) -> Bool {
        guard text.utf8.first == UInt8(ascii: "P") else { return false }
        let parts = text.utf8.dropFirst().split(
            separator: UInt8(ascii: "T"), maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 1, let weeks = units(parts[0], of: "W") { return weeks == "W" }
        guard let date = units(parts[0], of: "YMD"), "YMD".contains(date) || date.isEmpty else { return false }
        guard parts.count == 2 else { return !date.isEmpty }
        guard let time = units(parts[1], of: "HMS") else { return false }
        return !time.isEmpty && "HMS".contains(time)
    }

    /// The letters of parts such as `1H30M`, each behind at least one digit; `nil` if there is anything else.
    private static func units(_ text: Substring.UTF8View.SubSequence, of letters: String) -> String? {
        var found = ""
        var hasDigits = false
        for byte in text {
            if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                hasDigits = true
            } else if hasDigits, letters.utf8.contains(byte) {
                found.append(Character(Unicode.Scalar(byte)))
                hasDigits = false
            } else {
                return nil
            }
        }
        return hasDigits ? nil : found
    }

    /// RFC 5321's mailbox in ASCII: a dot-atom or quoted local part, and a domain name or address literal.
    private static func isEmail(_ text: String) -> Bool {
        guard text.utf8.allSatisfy({ $0 < 0x80 && $0 >= 0x20 }), let at = text.utf8.lastIndex(of: UInt8(ascii: "@"))
        else {
            return false
        }
        let local = text.utf8[..<at]
        let domain = text.utf8[text.utf8.index(after: at)...]
        guard !local.isEmpty, local.count <= 64, !domain.isEmpty, domain.count <= 255 else { return false }
        return isLocalPart(local) && isMailDomain(domain)
    }

    private static func isLocalPart(_ local: Substring.UTF8View) -> Bool {
        if local.first == UInt8(ascii: "\""), local.count >= 2, local.last == UInt8(ascii: "\"") {
            var isEscaped = false
            for byte in local.dropFirst().dropLast() {
                if !isEscaped, byte == UInt8(ascii: "\"") { return false }
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
            }
            return !isEscaped
        }
        return local.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty && atom.allSatisfy { isAlphanumeric($0) || "!#$%&'*+-/=?^_`{|}~".utf8.contains($0) }
        }
    }

    private static func isMailDomain(_ domain: Substring.UTF8View) -> Bool {
        if domain.first == UInt8(ascii: "["), domain.last == UInt8(ascii: "]") {
            let literal = domain.dropFirst().dropLast()
            if Substring(literal).hasPrefix("IPv6:") { return isIPv6(String(Substring(literal.dropFirst(5)))) }
            return isIPv4(literal)
        }
        return domain.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && label.count <= 63 && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                && label.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
        }
    }

    /// RFC 3986 with a scheme; the host's inner form is looked at only where brackets are concerned.
    private static func isURI(_ text: String) -> Bool {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return false }
        let scheme = text.utf8[..<colon]
        guard let first = scheme.first, isAlphanumeric(first), !isDigit(first),
            scheme.allSatisfy({ isAlphanumeric($0) || "+-.".utf8.contains($0) })
        else { return false }
        var rest = text.utf8[text.utf8.index(after: colon)...]
        if rest.starts(with: "//".utf8) {
            rest = rest.dropFirst(2)
            let end = rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.endIndex
            guard isAuthority(rest[..<end]) else { return false }
            rest = rest[end...]
        }
        let parts = rest.split(separator: UInt8(ascii: "#"), omittingEmptySubsequences: false)
        return parts.count <= 2 && parts.allSatisfy { isURIText($0, allowing: ":@/?") }
    }

    private static func isAuthority(_ authority: Substring.UTF8View) -> Bool {
        var host = authority
        if let at = authority.lastIndex(of: UInt8(ascii: "@")) {
            guard isURIText(authority[..<at], allowing: ":") else { return false }
            host = authority[authority.index(after: at)...]
        }
        var port = host[host.endIndex...]
        if host.first == UInt8(ascii: "[") {
            guard let close = host.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let literal = host[host.index(after: host.startIndex)..<close]
            port = host[host.index(after: close)...]
            guard isIPv6(String(Substring(literal))) || literal.first == UInt8(ascii: "v") else { return false }
            guard port.isEmpty || port.first == UInt8(ascii: ":") else { return false }
        } else if let colon = host.firstIndex(of: UInt8(ascii: ":")) {
            port = host[colon...]
            guard isURIText(host[..<colon], allowing: "") else { return false }
        } else {
            guard isURIText(host, allowing: "") else { return false }
        }
        return port.dropFirst().allSatisfy(isDigit)
    }

    /// Unreserved characters, sub-delimiters, percent-encoded bytes and those of `extra`.
    private static func isURIText(_ text: Substring.UTF8View, allowing extra: String) -> Bool {
        var rest = text
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard rest.popFirst()?.hexadecimalDigit != nil, rest.popFirst()?.hexadecimalDigit != nil else {
                    return false
                }
            } else if !isAlphanumeric(byte), !"-._~!$&'()*+,;=".utf8.contains(byte), !extra.utf8.contains(byte) {
                return false
            }
        }
        return true
    }

    private static func isIPv4(_ text: Substring.UTF8View) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                (1...3).contains(part.count) && part.allSatisfy(isDigit)
                    && (part.count == 1 || part.first != UInt8(ascii: "0"))
                    && (UInt16(String(Substring(part))) ?? 256) < 256
            }
    }

    /// RFC 4291, section 2.2: eight groups, of which a `::` stands for one or more, the last two perhaps as IPv4.
    private static func isIPv6(_ text: String) -> Bool {
        let bytes = text.utf8
        guard !bytes.isEmpty, bytes.count <= 45 else { return false }
        let groups = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard groups.count >= 3, groups.count <= 9 else { return false }
        var count = 0
        var gaps = 0
        for (index, group) in groups.enumerated() {
            if group.isEmpty {
                // An empty group at an end belongs to the `::` beside it.
                let isEnd = index == 0 || index == groups.count - 1
                let neighbor = index == 0 ? groups[1] : groups[index - 1]
                if isEnd { guard neighbor.isEmpty else { return false } } else { gaps += 1 }
            } else if index == groups.count - 1, group.contains(UInt8(ascii: ".")) {
                guard isIPv4(group) else { return false }
                count += 2
            } else {
                guard group.count <= 4, group.allSatisfy({ $0.hexadecimalDigit != nil }) else { return false }
                count += 1
            }
        }
        return gaps == 1 ? count <= 7 : gaps == 0 && count == 8
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
