package import CognitionCore

/// Does what tasks ask for, one effect per call.
package struct EffectExecutor: Sendable {
    private let functions: [String: any TaskFunction]
    private let http: HTTPCall
    private let workflows: Workflows
    private let clock: any WallClock

    package init(
        functions: [any TaskFunction], http: any OutboundHTTP, workflows: Workflows,
        clock: any WallClock = SystemWallClock()
    ) {
        self.functions = Dictionary(functions.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        self.http = HTTPCall(client: http, clock: clock)
        self.workflows = workflows
        self.clock = clock
    }

    /// Never throws: whatever goes wrong is the task's fault.
    func run(
        _ effect: EffectRequest, of live: LiveExecution, on engine: WorkflowEngine
    ) async -> EffectResult {
        do {
            return EffectResult(try await outcome(of: effect, of: live, on: engine))
        } catch {
            return EffectResult(error)
        }
    }

    private func outcome(
        of effect: EffectRequest, of live: LiveExecution, on engine: WorkflowEngine
    ) async throws -> TaskOutcome {
        let idempotencyKey = effect.idempotencyKey
        switch effect.action {
        case .http(let request):
            let key = effect.effect == .keyed ? idempotencyKey : nil
            return TaskOutcome(output: try await http.send(request, idempotencyKey: key, deadline: effect.deadline))
        case .function(let name, let arguments):
            guard let function = functions[name] else {
                throw WorkflowFault(.configuration, "this server has no function named \(name)")
            }
            return try await function.call(
                TaskInvocation(
                    arguments: arguments, workspace: live.workspace, execution: live.id, task: effect.task,
                    attempt: effect.attempt, idempotencyKey: idempotencyKey, deadline: effect.deadline))
        case .workflow(let id, let version, let input, let isAwaited, let returnsNothing):
            let command = ExecuteCommand(
                workflow: id, version: version, input: input,
                idempotencyKey: ExecutionRequest.taskKeyPrefix + idempotencyKey,
                parent: .init(execution: live.key, task: effect.task), correlationID: live.origin.correlationID,
                priority: live.priority)
            let principal = Principal(actor: "execution:\(live.id)", workspace: live.workspace)
            let child = try await workflows.execute(command, as: principal, on: engine)
            guard isAwaited else { return TaskOutcome(output: effect.input) }
            let ended = try await workflows.waitForEnd(of: child.id, in: live.workspace)
            return TaskOutcome(output: try ended.outcome(returnsNothing: returnsNothing))
        }
    }
}

extension Execution {
    /// What a child gives its parent: its output, or its fault. One that has not completed counts as not done: it has undone
    /// itself what it had done.
    fileprivate func outcome(returnsNothing: Bool) throws -> JSONValue {
        switch status {
        case .completed:
            return returnsNothing ? .null : output ?? .null
        case .faulted:
            var fault = fault ?? WorkflowFault(.runtime, "execution \(id) faulted")
            fault.instance = nil
            fault.effectHappened = false
            throw fault
        default:
            var fault = WorkflowFault(.runtime, "execution \(id) was \(status.name)")
            fault.effectHappened = false
            throw fault
        }
    }
}
