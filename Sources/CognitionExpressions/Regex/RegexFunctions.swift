import CognitionCore

/// What makes a compiled pattern reusable within one evaluation.
struct RegexKey: Hashable {
    let pattern: String
    let options: RegularExpression.Options

    static func == (left: RegexKey, right: RegexKey) -> Bool {
        left.options == right.options && left.pattern.equalsBytes(right.pattern)
    }
}

extension Builtins {
    static let regexes: [String: Function] = [
        "_match/3": { input, arguments, machine throws(Unwind) in
            try machine.match(input, arguments[0], arguments[1], isTest: arguments[2].isTrue)
        },
        "_match_arguments/1": { _, arguments, machine throws(Unwind) in
            switch arguments[0] {
            case .string: return [arguments[0], .null]
            case .array(let parts) where parts.count > 1: return [parts[0], parts[1]]
            case .array(let parts) where parts.count == 1: return [parts[0], .null]
            default: throw machine.fail("\(arguments[0].typeName) not a string or array")
            }
        },
    ]
}

extension Machine {
    /// The matches of a pattern as jq describes them, or whether there is one.
    fileprivate func match(
        _ value: JSONValue, _ pattern: JSONValue, _ flags: JSONValue, isTest: Bool
    ) throws(Unwind) -> JSONValue {
        guard case .string(let text) = value else {
            throw mismatch(value, "cannot be matched, as it is not a string")
        }
        guard case .string(let source) = pattern else { throw mismatch(pattern, "is not a string") }
        let (options, isGlobal) = try options(flags)
        let expression = try expression(RegexKey(pattern: source, options: options))
        try step(1 + text.utf8.count / 64)
        do throws(RegularExpression.Failure) {
            if isTest { return .bool(try expression.matches(text)) }
            let matches = try expression.matches(in: text, max: isGlobal ? .max : 1)
            return described(matches)
        } catch {
            throw fail("Regex failure: \(error.message)")
        }
    }

    private func described(_ matches: [RegularExpression.Match]) -> JSONValue {
        .array(
            matches.map { match in
                let captures = match.captures.map { capture -> JSONValue in
                    let offset = JSONValue.integer(Int64(capture.offset))
                    let length = JSONValue.integer(Int64(capture.length))
                    let string = capture.string.map { JSONValue.string($0) } ?? .null
                    let name = capture.name.map { JSONValue.string($0) } ?? .null
                    if capture.length == 0 {
                        return ["offset": offset, "string": string, "length": length, "name": name]
                    }
                    return ["offset": offset, "length": length, "string": string, "name": name]
                }
                return [
                    "offset": .integer(Int64(match.offset)), "length": .integer(Int64(match.length)),
                    "string": .string(match.string), "captures": .array(captures),
                ]
            })
    }

    private func options(_ flags: JSONValue) throws(Unwind) -> (RegularExpression.Options, isGlobal: Bool) {
        if flags.isNull { return ([], false) }
        guard case .string(let letters) = flags else { throw mismatch(flags, "is not a string") }
        var options: RegularExpression.Options = []
        var isGlobal = false
        for letter in letters.unicodeScalars {
            switch letter {
            case "g": isGlobal = true
            case "i": options.insert(.ignoreCase)
            case "x": options.insert(.extended)
            case "m": options.insert(.dotMatchesNewline)
            case "s": options.insert(.singleLine)
            case "p": options.formUnion([.dotMatchesNewline, .singleLine])
            case "l": options.insert(.findLongest)
            case "n": options.insert(.ignoreEmpty)
            default: throw fail("\(letters) is not a valid modifier string")
            }
        }
        return (options, isGlobal)
    }

    private func expression(_ key: RegexKey) throws(Unwind) -> RegularExpression {
        if let known = regexes[key] { return known }
        try charge(key.pattern.utf8.count * 16 + 4_096)
        do throws(RegularExpression.Failure) {
            let compiled = try RegularExpression(key.pattern, options: key.options)
            if regexes.count >= 64 { regexes.removeAll() }
            regexes[key] = compiled
            return compiled
        } catch {
            throw fail("Regex failure: \(error.message)")
        }
    }
}
