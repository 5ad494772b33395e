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
    /// `metadata.schedule` of the document: what the keeper of schedules knows beyond the DSL, such as a time zone.
    package let options: JSONObject
    /// As the document has it.
    package let json: JSONValue
}

extension ScheduleDefinition {
    /// Of a document that is stored, and was checked then; `nil` when it has none.
    init?(of document: JSONValue, context: DefinitionContext) {
        let root = DocumentNode(value: document, place: .root)
        guard let node = root.child("schedule"),
            let schedule = DefinitionReader(context: context).schedule(node, options: Self.options(in: root))
        else { return nil }
        self = schedule
    }

    fileprivate static func options(in root: DocumentNode) -> DocumentNode? {
        root.child("document")?.child("metadata")?.child("schedule")
    }
}

extension DefinitionReader {
    /// The schedule of a document, checked by whoever will keep it.
    func schedule(in root: DocumentNode) -> ScheduleDefinition? {
        guard let node = root.child("schedule") else { return nil }
        let options = ScheduleDefinition.options(in: root)
        guard let schedule = schedule(node, options: options) else { return nil }
        if let message = context.scheduleFault(schedule) { report(message, at: options ?? node) }
        return schedule
    }

    func schedule(_ node: DocumentNode, options: DocumentNode?) -> ScheduleDefinition? {
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
        var others = JSONObject()
        if let options {
            guard let members = map(options, of: "'metadata.schedule'") else { return nil }
            others = members.object
        }
        return trigger.map { ScheduleDefinition(trigger: $0, options: others, json: node.value) }
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
