import CognitionCore
import CognitionEvents
import CognitionStorage

/// What the log tells of jobs: their ends, in the stream `job_queue/<name>`, and what people do to queues and schedules.
enum JobEvent {
    static let streamType = stream(of: "").type
    /// In whose name ends are told.
    static let actor = "scheduler"

    static func stream(of queue: String) -> StreamName { StreamName("job_queue", queue) }

    static func ended(_ job: ClaimedJob, state: JobState, failure: JobFailure?, took: Duration?) -> NewEvent {
        ended(
            job.id, kind: job.kind, queue: job.queue, state: state, failure: failure, attempt: job.attempt,
            name: job.name, schedule: job.scheduleID, dueAt: job.dueAt, took: took)
    }

    static func ended(
        _ id: String, kind: String, queue: String, state: JobState, failure: JobFailure?, attempt: Int = 0,
        name: String? = nil, schedule: String? = nil, dueAt: Timestamp? = nil, took: Duration? = nil
    ) -> NewEvent {
        var data: JSONObject = [
            "job_id": .string(id), "queue": .string(queue), "kind": .string(kind), "attempt": .integer(Int64(attempt)),
        ]
        if let name { data["name"] = .string(name) }
        if let schedule { data["schedule_id"] = .string(schedule) }
        if let dueAt { data["due_at"] = .string(dueAt.description) }
        if let took { data["duration_seconds"] = JSONValue(took.seconds) }
        if let failure { data["error"] = failure.json }
        return NewEvent("job.\(state.name)", data: .object(data))
    }

    static func redriven(_ count: Int, from queue: String, to target: String) -> NewEvent {
        NewEvent(
            "queue.redriven",
            data: ["queue": .string(queue), "to": .string(target), "count": .integer(Int64(count))])
    }

    static func queue(_ name: String, isPaused: Bool) -> NewEvent {
        NewEvent(isPaused ? "queue.paused" : "queue.resumed", data: ["queue": .string(name)])
    }
}

/// Writes events of jobs, at one moment.
struct JobLog: Sendable {
    let now: Timestamp
    let ids: UUIDGenerator

    func append(
        _ events: [NewEvent], of queue: String, in workspace: WorkspaceID, by actor: String = JobEvent.actor,
        _ tx: borrowing Transaction
    ) throws {
        let context = EventContext(Principal(actor: actor, workspace: workspace), time: now, ids: ids)
        try tx.append(events, to: JobEvent.stream(of: queue), context: context)
    }
}
