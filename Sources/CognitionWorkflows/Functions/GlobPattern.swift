import Foundation

/// Which paths are meant: `*` and `?` within a name, `**` across folders, `[a-z]`, and `{md,txt}` for either.
struct GlobPattern: Sendable {
    /// What braces may expand to.
    static let alternativesMax = 64

    private let alternatives: [[String]]

    /// - Throws: `WorkflowFault` for braces that do not close, nest, or expand to too many patterns.
    init(_ pattern: String) throws {
        alternatives = try Self.expand(pattern).map { $0.split(separator: "/").map(String.init) }
    }

    /// - Parameter path: Relative, with `/` between its parts.
    func matches(_ path: String) -> Bool {
        let parts = path.split(separator: "/").map(String.init)
        return alternatives.contains { Self.matches($0[...], parts[...]) }
    }

    private static func matches(_ pattern: ArraySlice<String>, _ parts: ArraySlice<String>) -> Bool {
        guard let first = pattern.first else { return parts.isEmpty }
        if first == "**" {
            return (parts.startIndex...parts.endIndex).contains { matches(pattern.dropFirst(), parts[$0...]) }
        }
        guard let part = parts.first, fnmatch(first, part, FNM_PERIOD) == 0 else { return false }
        return matches(pattern.dropFirst(), parts.dropFirst())
    }

    private static func expand(_ pattern: String) throws -> [String] {
        var results = [""]
        var rest = pattern[...]
        while let open = rest.firstIndex(of: "{") {
            guard let close = rest[open...].firstIndex(of: "}"), !rest[rest.index(after: open)..<close].contains("{")
            else {
                throw WorkflowFault(.validation, "the glob \(pattern) has braces that nest or do not close")
            }
            let before = rest[..<open]
            let choices = rest[rest.index(after: open)..<close].split(separator: ",", omittingEmptySubsequences: false)
            results = results.flatMap { start in choices.map { start + before + $0 } }
            guard results.count <= alternativesMax else {
                throw WorkflowFault(.validation, "the glob \(pattern) stands for more than \(alternativesMax) patterns")
            }
            rest = rest[rest.index(after: close)...]
        }
        return results.map { $0 + rest }
    }
}
