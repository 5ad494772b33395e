package import CognitionCore

/// How often, and after which delays, a job is tried again.
package struct JobRetry: Sendable, Hashable {
    /// What is done about errors of some kind.
    package struct Rule: Sendable, Hashable {
        package enum Action: String, Sendable, Hashable, CaseIterable {
            case retry
            /// It has failed for good, and is no dead letter.
            case discard
            /// It is a dead letter at once.
            case dead
        }

        /// A code such as `http.client.timeout`, or the beginning of some with `.*` behind it.
        package let error: String
        package let action: Action
        /// `nil`: as after any other error.
        package let delay: Duration?

        func matches(_ code: String) -> Bool {
            error == code || error == "*" || error.hasSuffix(".*") && code.hasPrefix(error.dropLast())
        }
    }

    /// What an attempt that has failed leads to.
    package enum Verdict: Sendable, Hashable {
        case again(after: Duration)
        case discard
        case dead
    }

    /// Attempts including the first, 1...100.
    package var attempts: Int
    package var delay: Duration
    /// The delay is taken times this for each further attempt; 1 for a constant one.
    package var multiplier: Double
    package var delayMax: Duration
    package var rules: [Rule]

    package init(
        attempts: Int = 5, delay: Duration = .seconds(1), multiplier: Double = 2, delayMax: Duration = .seconds(3_600),
        rules: [Rule] = []
    ) {
        self.attempts = attempts
        self.delay = delay
        self.multiplier = multiplier
        self.delayMax = delayMax
        self.rules = rules
    }

    package static let attemptsRange = 1...100
    private static let rulesMax = 20

    /// - Parameters:
    ///   - attempt: The one that has just failed, from 1.
    ///   - advice: How long the other side asks to be left alone.
    package func verdict(
        on code: String, attempt: Int, advice: Duration? = nil, using random: inout some RandomNumberGenerator
    ) -> Verdict {
        let rule = rules.first { $0.matches(code) }
        switch rule?.action {
        case .discard: return .discard
        case .dead: return .dead
        case .retry, nil: break
        }
        guard attempt < attempts else { return .dead }
        let policy = RetryPolicy(
            delay: rule?.delay ?? delay, backoff: .exponential(multiplier: rule?.delay == nil ? multiplier : 1),
            delayMax: delayMax, jitter: .equal)
        return .again(after: max(policy.delay(afterAttempt: attempt, using: &random), advice ?? .zero))
    }

    // MARK: On the wire

    /// Reads `{attempts?, delay_seconds?, multiplier?, max_delay_seconds?, rules?: [{error, action, delay_seconds?}]}`.
    /// - Parameter usual: What holds for members that are not there.
    /// - Throws: `scheduler.job_invalid`.
    package init(_ json: JSONValue, usual: JobRetry) throws {
        self = usual
        let fields = try JobFields(
            json, "retry", ["attempts", "delay_seconds", "multiplier", "max_delay_seconds", "rules"])
        attempts = try fields.integer("attempts", in: Self.attemptsRange) ?? usual.attempts
        delay = try fields.seconds("delay_seconds", in: 0...86_400) ?? usual.delay
        multiplier = try fields.number("multiplier", in: 1...100) ?? usual.multiplier
        delayMax = try fields.seconds("max_delay_seconds", in: 0...2_592_000) ?? usual.delayMax
        guard let given = fields["rules"] else { return }
        guard let list = given.arrayValue, list.count <= Self.rulesMax else {
            throw SchedulerError(.jobInvalid, "'retry.rules' is a list of at most \(Self.rulesMax) rules")
        }
        rules = try list.map { item in
            let rule = try JobFields(item, "retry.rules", ["error", "action", "delay_seconds"])
            guard let action = Rule.Action(rawValue: try rule.text("action") ?? "retry") else {
                throw SchedulerError(.jobInvalid, "'retry.rules.action' is one of retry, discard and dead")
            }
            return Rule(
                error: try rule.text("error") ?? "*", action: action,
                delay: try rule.seconds("delay_seconds", in: 0...2_592_000))
        }
    }

    package var json: JSONValue {
        [
            "attempts": .integer(Int64(attempts)), "delay_seconds": JSONValue(delay.seconds),
            "multiplier": JSONValue(multiplier), "max_delay_seconds": JSONValue(delayMax.seconds),
            "rules": .array(
                rules.map { rule in
                    var json: JSONObject = ["error": .string(rule.error), "action": .string(rule.action.rawValue)]
                    if let delay = rule.delay { json["delay_seconds"] = JSONValue(delay.seconds) }
                    return .object(json)
                }),
        ]
    }
}
