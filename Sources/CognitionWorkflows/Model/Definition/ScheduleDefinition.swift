package import CognitionCore

/// When a workflow starts by itself.
package struct ScheduleDefinition: Sendable {
    package enum Trigger: Sendable {
        /// Each time so much has passed.
        case every(Duration)
        case cron(CronExpression)
        /// So long after the last execution has ended.
        case after(Duration)
        /// Once these events are there, which are the execution's input.
        case on(EventStrategy)
    }

    /// How short a time between two starts may be.
    package static let shortest = Duration.seconds(1)

    package let trigger: Trigger
    /// As the document has it.
    package let json: JSONValue

    package var kind: String {
        switch trigger {
        case .every: "every"
        case .cron: "cron"
        case .after: "after"
        case .on: "on"
        }
    }

    /// The first start after `now`; `nil` for what does not begin at a moment.
    func first(after now: Timestamp) -> Timestamp? {
        switch trigger {
        case .every(let pause), .after(let pause): now + pause
        case .cron(let expression): expression.next(after: now)
        case .on: nil
        }
    }

    /// The start after the one that was due; those missed meanwhile are not made up for.
    func next(afterDue due: Timestamp, now: Timestamp) -> Timestamp? {
        switch trigger {
        case .every(let pause):
            let missed = max(0, (now - due).microseconds / max(1, pause.microseconds))
            return due + pause * Double(missed + 1)
        case .cron(let expression): return expression.next(after: max(due, now))
        case .after, .on: return nil
        }
    }
}

extension DefinitionReader {
    func schedule(_ node: DocumentNode) -> ScheduleDefinition? {
        let kinds = ["every", "cron", "after", "on"]
        guard let fields = fields(node, of: "'schedule'", known: kinds) else { return nil }
        let given = kinds.filter { fields[$0] != nil }
        guard given.count == 1, let value = fields[given[0]] else {
            report("'schedule' must have exactly one of \(kinds.list(lastWord: "and"))", at: node)
            return nil
        }
        let trigger: ScheduleDefinition.Trigger?
        switch given[0] {
        case "every": trigger = pause(value, "'every'").map(ScheduleDefinition.Trigger.every)
        case "after": trigger = pause(value, "'after'").map(ScheduleDefinition.Trigger.after)
        case "cron": trigger = cron(value).map(ScheduleDefinition.Trigger.cron)
        default: trigger = strategy(value, []).map(ScheduleDefinition.Trigger.on)
        }
        return trigger.map { ScheduleDefinition(trigger: $0, json: node.value) }
    }

    private func pause(_ node: DocumentNode, _ what: String) -> Duration? {
        guard let template = duration(node, []) else { return nil }
        guard let constant = template.constant, constant >= ScheduleDefinition.shortest else {
            report("\(what) of 'schedule' must be a constant duration of at least one second", at: node)
            return nil
        }
        return constant
    }

    private func cron(_ node: DocumentNode) -> CronExpression? {
        guard let text = string(node, "'cron'") else { return nil }
        do {
            return try CronExpression(text)
        } catch {
            report("'cron': \(error)", at: node)
            return nil
        }
    }
}
