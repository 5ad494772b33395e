import CognitionCore
import CognitionEvents

/// What the log tells of workflows, in the stream `workflow/<id>`, and of executions that are deleted; everything else
/// that an execution does is told by its ``ExecutionMachine``.
enum WorkflowEvent {
    /// A CloudEvent was published, in the stream `cloudevent/<its type>`.
    static let published = "cloudevent.published"

    static func stream(of id: WorkflowID) -> StreamName { StreamName("workflow", id.description) }
    static func stream(of id: ExecutionID) -> StreamName { StreamName("execution", id.description) }

    /// A version was stored, or stored again after it was deleted.
    static func created(_ workflow: StoredWorkflow) -> NewEvent {
        NewEvent("workflow.created", data: .object(members(of: workflow)))
    }

    /// - Parameter version: The one it is about; `nil` for the workflow in all its versions.
    static func changed(_ id: WorkflowID, to state: WorkflowState, version: String? = nil) -> NewEvent {
        let type =
            switch state {
            case .active: "workflow.activated"
            case .archived: "workflow.archived"
            }
        var data: JSONObject = ["workflow_id": .string(id.description)]
        if let version { data["version"] = .string(version) }
        return NewEvent(type, data: .object(data))
    }

    /// - Parameter retention: How long ended executions are kept from now on.
    static func retained(_ id: WorkflowID, _ retention: Retention) -> NewEvent {
        NewEvent(
            "workflow.retention_changed",
            data: ["workflow_id": .string(id.description), "retention": retention.json])
    }

    /// - Parameter tags: All it has now.
    static func tagged(_ id: WorkflowID, _ tags: [String]) -> NewEvent {
        NewEvent(
            "workflow.tagged",
            data: ["workflow_id": .string(id.description), "tags": .array(tags.map(JSONValue.string))])
    }

    /// A version was deleted; its document stays for the executions that refer to it.
    static func deleted(_ workflow: StoredWorkflow) -> NewEvent {
        NewEvent("workflow.deleted", data: .object(members(of: workflow)))
    }

    static func deleted(_ execution: ExecutionSummary) -> NewEvent {
        NewEvent(
            "execution.deleted",
            data: [
                "execution_id": .string(execution.id.description),
                "workflow_id": .string(execution.workflow.description),
                "version": .string(execution.version),
                "status": .string(execution.status.name),
            ])
    }

    /// An execution goes on with another version.
    static func moved(
        _ id: ExecutionID, _ workflow: WorkflowID, from: String, to: String, _ status: ExecutionStatus, progress: Int
    ) -> NewEvent {
        NewEvent(
            "execution.moved",
            data: [
                "execution_id": .string(id.description), "workflow_id": .string(workflow.description),
                "from": .string(from), "to": .string(to), "status": .string(status.name),
                "progress": .integer(Int64(progress)),
            ])
    }

    private static func members(of workflow: StoredWorkflow) -> JSONObject {
        [
            "workflow_id": .string(workflow.id.description),
            "version": .string(workflow.version),
            "hash": .string(workflow.hash.description),
        ]
    }
}
