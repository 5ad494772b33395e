import CognitionCore
import CognitionEvents
import CognitionStorage

/// An execution in its JSON form.
package struct WrittenExecution: Sendable {
    package let json: [UInt8]
    package let hasEnded: Bool
}

extension ExecutionStore {
    /// The execution as ``Execution/json`` has it, written from the rows: what is stored as JSON is copied and not read.
    ///
    /// Statements are constant texts, as this is the most frequent read of all.
    static func json(
        of id: ExecutionID, in workspace: WorkspaceID, tasksMax: Int, _ tx: borrowing Transaction
    ) throws -> WrittenExecution? {
        let found = try tx.first(
            SQL(
                """
                SELECT e.key, w.namespace, w.name, w.version, e.status, e.progress, e.input, e.input_sha256, e.output,
                    e.output_sha256, e.error, e.cost_micros, e.created_at, e.started_at, e.ended_at, e.reason,
                    e.fork_key, e.forked_from, e.fork_task, e.fork_checkpoint, e.priority
                FROM executions e JOIN workflows w ON w.key = e.workflow_key
                WHERE e.id = $1 AND e.workspace_id = $2
                """, [id.sqlValue, workspace.sqlValue])
        ) { row in
            ExecutionRow(
                key: try row[0], workflow: WorkflowID(namespace: try row[1], name: try row[2]), version: try row[3],
                status: try row[4], progress: try row[5], input: try StoredPayload(row, at: 6),
                output: try StoredPayload(row, at: 8), error: try row[10], cost: try row[11], createdAt: try row[12],
                startedAt: try row[13], endedAt: try row[14], reason: try row[15],
                sharesTasks: try row[16] as Int64? != nil, forkedFrom: try ForkOrigin(row, at: 17),
                priority: try row[20])
        }
        guard let found else { return nil }
        let input = try bytes(of: found.input, workspace, tx)
        let output = try bytes(of: found.output, workspace, tx)
        var json = JSONBytes(capacity: 2_048 + input.count + output.count)
        json.open("{")
        json.member("id", text: id.description)
        json.member("workflow_id", text: found.workflow.description)
        json.member("version", text: found.version)
        json.member("status", text: found.status.name)
        json.member("progress", found.progress)
        json.member("priority", found.priority)
        json.member("input", json: input)
        json.member("output", json: output)
        json.member("error", json: found.error ?? nullBytes)
        json.name("tasks")
        let hasMore =
            found.sharesTasks
            ? try writeSharedTasks(of: found.key, atMost: tasksMax, into: &json, tx)
            : try writeTasks(of: found.key, atMost: tasksMax, into: &json, tx)
        json.name("cost")
        json.open("{")
        json.member("micros", found.cost)
        json.member("currency", text: Execution.currency)
        json.close("}")
        json.member("created_at", moment: found.createdAt)
        json.member("started_at", moment: found.startedAt)
        json.member("ended_at", moment: found.endedAt)
        if let reason = found.reason { json.member("reason", text: reason) }
        if let origin = found.forkedFrom { json.member("forked_from", json: origin.json.jsonBytes) }
        if hasMore { json.member("tasks_truncated", json: trueBytes) }
        json.close("}")
        return WrittenExecution(json: json.bytes, hasEnded: found.status.hasEnded)
    }

    private struct ExecutionRow {
        let key: Int64
        let workflow: WorkflowID
        let version: String
        let status: ExecutionStatus
        let progress: Int64
        let input: StoredPayload?
        let output: StoredPayload?
        let error: [UInt8]?
        let cost: Int64
        let createdAt: Timestamp
        let startedAt: Timestamp?
        let endedAt: Timestamp?
        let reason: String?
        let sharesTasks: Bool
        let forkedFrom: ForkOrigin?
        let priority: Int64
    }

    /// Of a fork.
    private static func writeSharedTasks(
        of key: Int64, atMost tasksMax: Int, into json: inout JSONBytes, _ tx: borrowing Transaction
    ) throws -> Bool {
        let tasks = try tasks(of: Lineage(of: key, tx), after: 0, limit: tasksMax + 1, tx)
        json.open("[")
        for task in tasks.prefix(tasksMax) {
            json.element()
            json.value(task.json.jsonBytes)
        }
        json.close("]")
        return tasks.count > tasksMax
    }

    /// - Returns: Whether there are more than `tasksMax`.
    private static func writeTasks(
        of key: Int64, atMost tasksMax: Int, into json: inout JSONBytes, _ tx: borrowing Transaction
    ) throws -> Bool {
        let range = TaskKey.range(of: key)
        var count = 0
        json.open("[")
        _ = try tx.query(
            SQL(
                """
                SELECT id, parent, scope, name, reference, status, attempt, started_at, ended_at, reason, progress, error
                FROM tasks WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT $3
                """, [range.lowerBound.sqlValue, range.upperBound.sqlValue, (tasksMax + 1).sqlValue])
        ) { row in
            count += 1
            if count <= tasksMax { try writeTask(row, into: &json) }
        }
        json.close("]")
        return count > tasksMax
    }

    private static func writeTask(_ row: borrowing Row, into json: inout JSONBytes) throws {
        json.element()
        json.open("{")
        json.member("number", Int64(TaskKey.number(of: try row[0])))
        json.member("parent", try row[1] as Int64)
        json.member("scope", try row[2] as Int64)
        json.member("name", text: try row[3])
        json.member("reference", text: try row[4])
        json.member("status", text: (try row[5] as TaskStatus).name)
        json.member("attempt", try row[6] as Int64)
        json.member("started_at", moment: try row[7])
        json.member("ended_at", moment: try row[8])
        if let reason = try row[9] as String? { json.member("reason", text: reason) }
        if let progress = try row[10] as [UInt8]?, progress == skippedBytes { json.member("skipped", json: trueBytes) }
        if let error = try row[11] as [UInt8]? { json.member("error", json: error) }
        json.close("}")
    }

    private static func bytes(
        of payload: StoredPayload?, _ workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [UInt8] {
        guard let payload else { return nullBytes }
        return try PayloadStore.load(payload, workspace: workspace, in: tx)
    }

    private static let nullBytes = Array("null".utf8)
    private static let trueBytes = Array("true".utf8)
    /// What ``ExecutionMachine`` leaves as the progress of a task whose `if` was not true.
    static let skippedBytes = (["skipped": true] as JSONValue).jsonBytes
}
