package import CognitionCore

/// What a job runs.
package struct JobTarget: Sendable, Hashable {
    /// Which handler runs it: `workflow`, `http`, `emit`, or `handler:<name>` for a closure that was registered by name.
    package let kind: String
    /// What the handler is given.
    package let input: JSONValue

    package init(kind: String, input: JSONValue) {
        self.kind = kind
        self.input = input
    }

    package static let handlerPrefix = "handler:"
    static let kinds = ["workflow", "http", "emit", "handler"]

    /// Reads `{workflow: {…}}`, `{http: {…}}`, `{emit: {…}}` or `{handler: {name, input?}}`.
    /// - Throws: `scheduler.job_invalid`.
    package init(_ json: JSONValue) throws {
        guard let members = json.objectValue, members.count == 1, let kind = members.keys.first,
            Self.kinds.contains(kind), let input = members[kind], let fields = input.objectValue
        else {
            throw SchedulerError(
                .jobInvalid, "'target' has exactly one of workflow, http, emit and handler, with an object")
        }
        switch kind {
        case "workflow": try Self.check(fields, of: kind, needs: "id", may: ["version", "input", "wait", "priority"])
        case "http":
            try Self.check(
                fields, of: kind, needs: "url",
                may: ["method", "headers", "body", "success_statuses", "follow_redirects"])
        case "emit": try Self.check(fields, of: kind, needs: "type", may: ["data", "stream", "subject", "source"])
        default:
            try Self.check(fields, of: kind, needs: "name", may: ["input"])
            let name = fields["name"]?.stringValue ?? ""
            self.init(kind: Self.handlerPrefix + name, input: fields["input"] ?? [:])
            return
        }
        self.init(kind: kind, input: input)
    }

    private static func check(_ fields: JSONObject, of kind: String, needs: String, may: [String]) throws {
        guard let text = fields[needs]?.stringValue, !text.isEmpty, text.utf8.count <= 2_048 else {
            throw SchedulerError(.jobInvalid, "'target.\(kind)' needs '\(needs)', a text")
        }
        if let unknown = fields.keys.first(where: { $0 != needs && !may.contains($0) }) {
            throw SchedulerError(
                .jobInvalid,
                "'target.\(kind)' has no member '\(unknown)'; it takes \(([needs] + may).joined(separator: ", "))")
        }
    }

    package var json: JSONValue {
        guard kind.hasPrefix(Self.handlerPrefix) else { return .object(JSONObject([(kind, input)])) }
        return ["handler": ["name": .string(String(kind.dropFirst(Self.handlerPrefix.count))), "input": input]]
    }
}
