import CognitionCore
import CognitionEvents
import CognitionScheduler
import CognitionStorage
import CognitionWorkflows

/// Jobs that tell of an event: `{type, data?, source?, subject?}` as a CloudEvent to whoever listens, or with
/// `stream: "type/id"` into a stream of the log. It commits with the end of the job, so it is told exactly once.
struct EmitJobs: JobHandler {
    let kind = "emit"
    private let workflows: Workflows
    private let schemas: EventSchemas
    private let clock: any WallClock
    private let ids: UUIDGenerator

    init(_ workflows: Workflows, _ schemas: EventSchemas, clock: any WallClock, ids: UUIDGenerator) {
        self.workflows = workflows
        self.schemas = schemas
        self.clock = clock
        self.ids = ids
    }

    func run(_ job: RunningJob) async throws -> JobOutcome {
        let principal = Principal(actor: job.actor, workspace: job.workspace)
        do {
            guard let stream = job.input["stream"]?.stringValue else { return try publish(job, as: principal) }
            return try await append(job, to: stream, as: principal)
        } catch let error as any CodedError where error.category != .unavailable {
            throw JobFailure(error.code.name, error.message, isFinal: true)
        }
    }

    private func publish(_ job: RunningJob, as principal: Principal) throws -> JobOutcome {
        var attributes = job.input.objectValue ?? [:]
        if attributes["source"] == nil { attributes["source"] = .string("/jobs/\(job.id)") }
        if let data = attributes["data"] { attributes["data"] = data.with(job.parents) }
        let publication = try workflows.publication(
            of: .object(attributes), as: principal, correlationID: job.id, traceparent: job.traceparent)
        return .completed(["event_id": .string(publication.event.id)]) { tx in
            _ = try publication.run(principal.workspace, in: tx)
        }
    }

    private func append(_ job: RunningJob, to name: String, as principal: Principal) async throws -> JobOutcome {
        let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
        guard parts.count == 2 else {
            throw JobFailure("event.invalid", "'stream' is the type and id of a stream: order/17", isFinal: true)
        }
        guard !PlatformStreams.types.contains(parts[0]) else {
            throw JobFailure(
                "event.stream_reserved", "streams of type \(parts[0]) are written by the platform alone", isFinal: true)
        }
        let event = NewEvent(
            job.input["type"]?.stringValue ?? "", data: (job.input["data"] ?? [:]).with(job.parents),
            subject: job.input["subject"]?.stringValue)
        let append = StreamAppend([event], to: StreamName(parts[0], parts[1]))
        try await schemas.check([append], in: principal.workspace)
        let context = EventContext(
            principal, time: clock.now, ids: ids, causationID: job.id, traceparent: job.traceparent)
        return .completed(["stream": .string(name)]) { tx in
            _ = try tx.append(append.events, to: append.stream, expecting: append.expected, context: context)
        }
    }
}

extension JobOutcome {
    fileprivate static func completed(
        _ result: JSONValue, _ write: @escaping @Sendable (borrowing Transaction) throws -> Void
    ) -> JobOutcome {
        .completed(result, writes: [write])
    }
}
