extension SemanticVersion {
    /// The order of precedence, semver.org, 2.0.0, section 11.
    static func isLower(_ left: String, _ right: String) -> Bool {
        let (leftCore, leftPrerelease) = parts(of: left)
        let (rightCore, rightPrerelease) = parts(of: right)
        if leftCore != rightCore { return leftCore.lexicographicallyPrecedes(rightCore, by: isLowerNumber) }
        guard !leftPrerelease.isEmpty, !rightPrerelease.isEmpty else {
            return !leftPrerelease.isEmpty && rightPrerelease.isEmpty
        }
        return leftPrerelease.lexicographicallyPrecedes(rightPrerelease) { left, right in
            switch (left.allSatisfy(\.isNumber), right.allSatisfy(\.isNumber)) {
            case (true, true): isLowerNumber(left, right)
            case (true, false): true
            case (false, true): false
            case (false, false): left.utf8.lexicographicallyPrecedes(right.utf8)
            }
        }
    }

    private static func parts(of version: String) -> (core: [Substring], prerelease: [Substring]) {
        let withoutBuild = version.prefix { $0 != "+" }
        let core = withoutBuild.prefix { $0 != "-" }
        return (core.split(separator: "."), withoutBuild.dropFirst(core.count + 1).split(separator: "."))
    }

    /// Digits without leading zeros, of any length.
    private static func isLowerNumber(_ left: Substring, _ right: Substring) -> Bool {
        left.utf8.count != right.utf8.count ? left.utf8.count < right.utf8.count : left < right
    }
}
