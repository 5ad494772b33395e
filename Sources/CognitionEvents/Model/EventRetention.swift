import CognitionCore

/// How long events stay in the database, by their types; nothing leaves by itself.
///
/// Of several rules for a type the one that says most of it counts: its name, else the longest prefix.
package struct EventRetention: Sendable, Hashable {
    /// Of events younger than that, one may still be on its way, or be sent again by its id.
    package static let ageMin: Duration = .seconds(86_400)
    package static let ageMax: Duration = .seconds(36_500 * 86_400)
    package static let rulesMax = 100

    /// By name of a type.
    private var exact: [String: Duration?] = [:]
    /// By what types begin with, the dot included; empty for all.
    private var prefixes: [String: Duration?] = [:]

    /// Reads rules such as `order.placed=90d`, `task.*=30d`, `*=400d` and `order.*=never`.
    /// - Throws: `event.invalid`.
    package init(_ rules: [String]) throws(EventError) {
        guard rules.count <= Self.rulesMax else {
            throw EventError(.eventInvalid, "there are at most \(Self.rulesMax) rules, not \(rules.count)")
        }
        for rule in rules { try add(rule) }
    }

    /// Tells these rules from others.
    var digest: [UInt8] {
        let rules =
            exact.map { "=\($0.key) \($0.value?.microseconds ?? -1)" }
            + prefixes.map { "^\($0.key) \($0.value?.microseconds ?? -1)" }
        return SHA256Digest(of: Array(rules.sorted().joined(separator: "\n").utf8)).bytes
    }

    /// Whether any rule lets events go.
    package var isEmpty: Bool { ages.isEmpty }

    /// The smallest age after which events go.
    var ageMin: Duration? { ages.min() }

    private var ages: [Duration] { exact.values.compactMap(\.self) + prefixes.values.compactMap(\.self) }

    /// How long events of a type stay; `nil` for ever.
    package func age(of type: String) -> Duration? {
        if let age = exact[type] { return age }
        var name = type[...]
        while let dot = name.lastIndex(of: ".") {
            name = name[..<dot]
            if let age = prefixes[name + "."] { return age }
        }
        return prefixes[""] ?? nil
    }

    private mutating func add(_ rule: String) throws(EventError) {
        let parts = rule.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw Self.refusal(rule, "it is TYPE=AGE, e.g. task.*=30d") }
        let type = String(parts[0])
        let age = try Self.age(String(parts[1]), in: rule)
        let isNew =
            if type.hasSuffix("*") {
                prefixes.updateValue(age, forKey: String(type.dropLast())) == nil
            } else {
                exact.updateValue(age, forKey: type) == nil
            }
        guard Self.isName(type) else {
            throw Self.refusal(rule, "a type is spelled out, ends in .* for all that begin so, or is * for all")
        }
        guard isNew else { throw Self.refusal(rule, "there is another rule for \(type)") }
    }

    private static func age(_ text: String, in rule: String) throws(EventError) -> Duration? {
        if text == "never" { return nil }
        let age: Duration
        do {
            age = try Duration(configurationText: text, bareUnit: .days)
        } catch {
            throw refusal(rule, "an age is a duration such as 30d, or never")
        }
        guard (ageMin...ageMax).contains(age) else { throw refusal(rule, "an age is from 1d to 36500d, or never") }
        return age
    }

    private static func isName(_ type: String) -> Bool {
        if type == "*" { return true }
        let name = type.hasSuffix(".*") ? type.dropLast(2) : type[...]
        return (1...200).contains(name.utf8.count)
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
                !part.isEmpty
                    && part.utf8.allSatisfy { byte in
                        switch byte {
                        case 0x61...0x7A, 0x30...0x39, UInt8(ascii: "_"): true
                        default: false
                        }
                    }
            }
    }

    private static func refusal(_ rule: String, _ reason: String) -> EventError {
        EventError(.eventInvalid, "the rule '\(rule)' is none: \(reason)")
    }
}
