package import CognitionCore
import Synchronization

/// The DSL's lifecycle CloudEvents, made of what the log tells of executions and their tasks.
///
/// Source: Serverless Workflow DSL 1.0, "Lifecycle Events". Of tasks those are told that the log tells of.
package enum LifecycleEvent {
    /// What the types of all of them begin with.
    package static let prefix = "io.serverlessworkflow."

    /// The CloudEvents' type for an event of the log, and what the data calls its moment.
    private static func type(of event: String) -> (type: String, moment: String)? {
        switch event {
        case "execution.started": ("workflow.started", "startedAt")
        case "execution.suspended": ("workflow.suspended", "suspendedAt")
        case "execution.resumed": ("workflow.resumed", "resumedAt")
        case "execution.cancelled": ("workflow.cancelled", "cancelledAt")
        case "execution.faulted": ("workflow.faulted", "faultedAt")
        case "execution.completed": ("workflow.completed", "completedAt")
        case "task.started": ("task.started", "startedAt")
        case "task.retried": ("task.retried", "retriedAt")
        case "task.cancelled": ("task.cancelled", "cancelledAt")
        case "task.faulted": ("task.faulted", "faultedAt")
        case "task.completed": ("task.completed", "completedAt")
        default: nil
        }
    }

    /// The type of the CloudEvent that an event of the log is told with; `nil` for one that is none of the DSL's.
    static func cloudEventType(of event: String) -> String? {
        type(of: event).map { "\(prefix)\($0.type).v1" }
    }

    /// - Parameters:
    ///   - data: As the log has it.
    ///   - number: What tells the event from others of its execution.
    package static func cloudEvent(
        _ event: String, data: JSONValue, of id: ExecutionID, number: String, at time: Timestamp
    ) -> JSONValue? {
        guard let (type, moment) = type(of: event) else { return nil }
        let workflow = data["workflow_id"]?.stringValue.flatMap(WorkflowID.init)
        let name = "\(workflow?.name ?? "")-\(id).\(workflow?.namespace ?? "")"
        var members = JSONObject()
        if event.hasPrefix("execution.") {
            members["name"] = .string(name)
            if event == "execution.started" {
                members["definition"] = [
                    "namespace": .string(workflow?.namespace ?? ""), "name": .string(workflow?.name ?? ""),
                    "version": data["version"] ?? .null,
                ]
            }
        } else {
            members["workflow"] = .string(name)
            members["task"] = data["reference"] ?? .null
        }
        members[moment] = .string(time.description)
        if let error = data["error"] { members["error"] = error }
        return [
            "specversion": "1.0", "id": .string("\(id)-\(number)"), "source": .string("/executions/\(id)"),
            "type": .string("\(prefix)\(type).v1"), "time": .string(time.description),
            "subject": .string(id.description), "datacontenttype": "application/json", "data": .object(members),
        ]
    }
}

/// Which lifecycle events anybody listens for. Few do, so the commits of executions look here and not into the database.
///
/// It is looked up at every tick of the engine, and kept up at once for what this node's executions begin to listen for.
final class LifecycleInterest: Sendable {
    private struct State {
        var wanted: Set<String> = []
        /// Counts what was kept up at once.
        var additions = 0
    }

    private let state = Mutex(State())

    var isNone: Bool { state.withLock { $0.wanted.isEmpty } }

    func contains(_ type: String) -> Bool { state.withLock { $0.wanted.contains(type) } }

    /// To be asked before what is looked up is read.
    var additions: Int { state.withLock { $0.additions } }

    /// Takes what was looked up; beside what was there when something was added meanwhile that the look cannot have seen.
    func set(_ types: Set<String>, since additions: Int) {
        state.withLock { $0.wanted = $0.additions == additions ? types : $0.wanted.union(types) }
    }

    func add(_ listeners: [Listener]) {
        let types = listeners.flatMap(\.keys).compactMap(\.type).filter { $0.hasPrefix(LifecycleEvent.prefix) }
        guard !types.isEmpty else { return }
        state.withLock {
            $0.wanted.formUnion(types)
            $0.additions += 1
        }
    }
}
