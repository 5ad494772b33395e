import CognitionCore
import CognitionScheduler
import CognitionWorkflows

/// Jobs that execute a workflow: `{id, version?, input?, wait?, priority?}`.
///
/// The execution is started under the job's idempotency key, so a crash starts no second one: whoever runs the job again finds
/// it. The job ends with it, unless `wait` is false.
struct WorkflowJobs: JobHandler {
    let kind = "workflow"
    private let workflows: Workflows
    private let engine: WorkflowEngine

    init(_ workflows: Workflows, on engine: WorkflowEngine) {
        self.workflows = workflows
        self.engine = engine
    }

    func run(_ job: RunningJob) async throws -> JobOutcome {
        let principal = Principal(actor: job.actor, workspace: job.workspace)
        var command = try command(of: job)
        command.traceparent = job.traceparent
        let started = try await workflows.execute(command, as: principal, on: engine)
        guard job.input["wait"]?.boolValue ?? true else {
            return .completed(["execution_id": .string(started.id.description), "status": .string(started.status.name)])
        }
        // What has to be done is the engine's, and bounded there.
        job.onlyWaits()
        do {
            return try outcome(of: await workflows.waitForEnd(of: started.id, in: job.workspace))
        } catch is CancellationError {
            // Who cancels the job, or gives it no more time, means what it runs; whoever gives it back does not.
            if job.stopReason == .cancel || job.stopReason == .timeout {
                let workflows = workflows
                try? await Task { try await workflows.cancel(started.id, as: principal) }.value
            }
            throw CancellationError()
        }
    }

    /// - Throws: `JobFailure` that is final.
    private func command(of job: RunningJob) throws -> ExecuteCommand {
        guard let id = job.input["id"]?.stringValue.flatMap(WorkflowID.init) else {
            throw JobFailure("workflow.not_found", "there is no workflow of that name", isFinal: true)
        }
        return ExecuteCommand(
            workflow: id, version: job.input["version"]?.stringValue ?? Workflows.latest,
            input: (job.input["input"] ?? [:]).with(job.parents), idempotencyKey: job.idempotencyKey,
            correlationID: job.id, priority: job.input["priority"]?.integerValue.map(Int.init(clamping:)))
    }

    private func outcome(of execution: Execution) throws -> JobOutcome {
        let id = execution.id.description
        switch execution.status {
        case .completed:
            return .completed(
                ["execution_id": .string(id), "status": "completed", "output": execution.output ?? .null])
        case .cancelled: return .discarded(reason: "execution \(id) was cancelled")
        default:
            let fault = execution.fault
            throw JobFailure(
                "workflow.execution_\(execution.status.name)",
                "execution \(id): \(fault?.title ?? execution.status.name)\(fault?.detail.map { ": \($0)" } ?? "")")
        }
    }
}

extension JSONValue {
    /// With what the jobs that one depends on have come to, as `parents`, where it is an object that has no such member.
    func with(_ parents: JSONObject) -> JSONValue {
        guard !parents.isEmpty, var members = objectValue, members["parents"] == nil else { return self }
        members["parents"] = .object(parents)
        return .object(members)
    }
}
