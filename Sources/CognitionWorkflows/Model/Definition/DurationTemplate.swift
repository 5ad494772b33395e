package import CognitionCore

/// A length of time as a definition gives it: constant, or from an expression each time it is needed; 0...10 years.
package struct DurationTemplate: Sendable {
    private enum Source: Sendable {
        case constant(Duration)
        case expression(Template)
    }

    private let source: Source

    /// 3,653 days.
    package static let longest = Duration.seconds(3_653 * 86_400)

    /// A duration that is known; the caller sees to its bounds.
    package init(_ constant: Duration) {
        source = .constant(constant)
    }

    /// Reads `{days, hours, minutes, seconds, milliseconds}`, an ISO 8601 string or a `${ … }` that gives one of them.
    ///
    /// - Throws: ``TemplateError``.
    package init(_ json: JSONValue, variables: [String]) throws {
        if case .string(let string) = json, TemplateText.hasExpression(string) {
            source = .expression(try Template(json, variables: variables))
        } else {
            source = .constant(try DurationTemplate.duration(json, code: .templateInvalid))
        }
    }

    /// The duration, when there is nothing to evaluate.
    package var constant: Duration? {
        if case .constant(let duration) = source { duration } else { nil }
    }

    /// Names of the variables that its expression uses, without `$`.
    package var usedVariables: Set<String> {
        if case .expression(let template) = source { template.usedVariables } else { [] }
    }

    /// The duration for one input.
    ///
    /// - Throws: What the expression throws; ``TemplateError``, code `expression.result_invalid`, when its value is not
    ///   a duration of 0...10 years.
    package func evaluate(_ input: JSONValue, scope: some VariableScope) throws -> Duration {
        switch source {
        case .constant(let duration): duration
        case .expression(let template):
            try DurationTemplate.duration(try template.evaluate(input, scope: scope), code: .expressionResultInvalid)
        }
    }

    /// A duration that somebody's data holds.
    /// - Throws: ``TemplateError``, code `expression.result_invalid`.
    static func evaluated(_ json: JSONValue) throws -> Duration { try duration(json, code: .expressionResultInvalid) }

    private static let units: [(name: String, seconds: Duration)] = [
        ("days", .seconds(86_400)), ("hours", .seconds(3_600)), ("minutes", .seconds(60)), ("seconds", .seconds(1)),
        ("milliseconds", .milliseconds(1)),
    ]

    /// The names that an object may have.
    static let members = units.map(\.name)

    private static func duration(_ json: JSONValue, code: ErrorCode) throws(TemplateError) -> Duration {
        switch json {
        case .string(let text):
            do {
                return try bounded(try Duration(iso8601: text), code)
            } catch let error as DurationError {
                throw TemplateError(error.message, code: code)
            } catch let error as TemplateError {
                throw error
            } catch {
                throw TemplateError("'\(text.prefix(64))' is not a duration", code: code, cause: error)
            }
        case .object(let object):
            return try bounded(try sum(object, code), code)
        default:
            throw TemplateError(
                "a duration is an object such as {seconds: 30} or an ISO 8601 string such as PT30S, not "
                    + json.described,
                code: code)
        }
    }

    private static func sum(_ object: JSONObject, _ code: ErrorCode) throws(TemplateError) -> Duration {
        guard !object.isEmpty else {
            throw TemplateError("a duration needs at least one of \(members.list(lastWord: "and"))", code: code)
        }
        var total = Duration.zero
        for (name, value) in object {
            guard let unit = units.first(where: { $0.name == name }) else {
                throw TemplateError(Suggestion.unknownMember(name, of: "a duration", known: members), code: code)
            }
            guard let amount = value.integerValue, (0...Int64(longest.components.seconds) * 1_000).contains(amount)
            else {
                throw TemplateError(
                    "'\(name)' of a duration must be a whole number from 0 to 10 years, not \(value.described)",
                    code: code,
                    path: [.member(name)])
            }
            total += unit.seconds * amount
        }
        return total
    }

    private static func bounded(_ duration: Duration, _ code: ErrorCode) throws(TemplateError) -> Duration {
        guard duration >= .zero, duration <= longest else {
            throw TemplateError("a duration is at least 0 and at most 10 years", code: code)
        }
        return duration
    }
}
