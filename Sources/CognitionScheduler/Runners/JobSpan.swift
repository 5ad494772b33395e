import CognitionCore
import Tracing

/// An attempt at a job as a span, in the trace of whoever has asked for the job.
enum JobSpan {
    static func run(
        _ job: RunningJob, kind: String, _ body: () async throws -> JobOutcome
    ) async throws -> JobOutcome {
        guard let parent = job.traceparent.flatMap({ TraceContext(traceparent: $0) }),
            !(InstrumentationSystem.instrument is NoOpInstrument)
        else { return try await body() }
        let span = startSpan("job \(kind)", context: InstrumentationContext(parent))
        defer { span.end() }
        do {
            let outcome = try await InstrumentationContext.withValue(span.context) { try await body() }
            span.attributes = attributes(of: job)
            return outcome
        } catch {
            span.attributes = attributes(of: job)
            span.setStatus(SpanStatus(code: .error, message: JobFailure(error).code))
            throw error
        }
    }

    private static func attributes(of job: RunningJob) -> SpanAttributes {
        [
            "job.id": .string(job.id), "job.queue": .string(job.queue), "job.attempt": .int64(Int64(job.attempt)),
            "workspace.id": .string(job.workspace.name),
        ]
    }
}
