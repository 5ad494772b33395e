/// Versions as semver.org, 2.0.0, has them.
enum SemanticVersion {
    static func isValid(_ text: String) -> Bool {
        guard text.utf8.count <= 128 else { return false }
        var core = Substring(text)
        if let plus = core.firstIndex(of: "+") {
            guard identifiers(core[plus...].dropFirst(), numbersMayStartWithZero: true) else { return false }
            core = core[..<plus]
        }
        if let hyphen = core.firstIndex(of: "-") {
            guard identifiers(core[hyphen...].dropFirst(), numbersMayStartWithZero: false) else { return false }
            core = core[..<hyphen]
        }
        let numbers = core.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 3 && numbers.allSatisfy { isDigits($0) && !hasLeadingZero($0) }
    }

    /// Whether a document may name it as its DSL: `1.0.` and a number.
    static func isSupportedDSL(_ text: String) -> Bool {
        guard isValid(text), text.hasPrefix("1.0.") else { return false }
        return isDigits(text.dropFirst(4))
    }

    private static func identifiers(_ text: Substring, numbersMayStartWithZero: Bool) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy { HostName.isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
                && (numbersMayStartWithZero || !isDigits(part) || !hasLeadingZero(part))
        }
    }

    private static func isDigits(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func hasLeadingZero(_ text: Substring) -> Bool {
        text.utf8.count > 1 && text.utf8.first == UInt8(ascii: "0")
    }
}

/// Names of namespaces and workflows.
enum HostName {
    static func isValid(_ name: String) -> Bool {
        let bytes = name.utf8
        guard (1...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}

/// Names of variables in expressions.
enum VariableName {
    static func isValid(_ name: String) -> Bool {
        guard (1...63).contains(name.utf8.count), let first = name.utf8.first else { return false }
        return !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
            && name.utf8.allSatisfy { HostName.isAlphanumeric($0) || $0 == UInt8(ascii: "_") }
    }
}

/// Schemes and absolute URIs, as the DSL's schema demands them: `scheme://…`.
enum AbsoluteURI {
    /// The scheme in lower case; `nil` when the text is not an absolute URI.
    static func scheme(of text: String) -> String? {
        guard let end = text.firstIndex(of: ":"), text[end...].hasPrefix("://") else { return nil }
        let scheme = text[..<end].utf8
        guard let first = scheme.first, HostName.isAlphanumeric(first),
            !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first),
            scheme.allSatisfy({ HostName.isAlphanumeric($0) || "+-.".utf8.contains($0) })
        else { return nil }
        return text[..<end].lowercased()
    }
}
