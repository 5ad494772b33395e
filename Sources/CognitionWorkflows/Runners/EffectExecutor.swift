package import CognitionCore

/// Does what tasks ask for, one effect per call.
package struct EffectExecutor: Sendable {
    private let functions: [String: any TaskFunction]
    private let http: HTTPCall
    private let openAPI: OpenAPICall
    private let processes: ProcessCall
    private let mcp: MCPCall
    private let workflows: Workflows
    private let clock: any WallClock

    package init(
        functions: [any TaskFunction], http: any OutboundHTTP, sandbox: (any ProcessSandbox)? = nil,
        workflows: Workflows, clock: any WallClock = SystemWallClock()
    ) {
        self.functions = Dictionary(functions.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        self.http = HTTPCall(client: http, clock: clock)
        openAPI = OpenAPICall(http: self.http, clock: clock)
        processes = ProcessCall(sandbox: sandbox, http: self.http, rules: workflows.context.processes, clock: clock)
        mcp = MCPCall(http: http, authenticator: self.http.authenticator, processes: processes, clock: clock)
        self.workflows = workflows
        self.clock = clock
    }

    /// Never throws: whatever goes wrong is the task's fault.
    func run(
        _ effect: EffectRequest, of live: LiveExecution, on engine: WorkflowEngine
    ) async -> EffectResult {
        // Whatever it says is told without what it was trusted with.
        let sensitive = SensitiveValues()
        do {
            return EffectResult(try await outcome(of: effect, of: live, on: engine, sensitive)).hiding(sensitive.all)
        } catch {
            return EffectResult(error).hiding(sensitive.all)
        }
    }

    /// The action with the secrets that it needs, as they are now.
    private func action(
        of effect: EffectRequest, of live: LiveExecution, _ sensitive: SensitiveValues
    ) async throws -> EffectRequest.Action {
        guard case .withSecrets(let action) = effect.action else { return effect.action }
        let secrets = try await workflows.secretValues(action.names, in: live.workspace)
        sensitive.add(secrets.all)
        return try action.action(with: secrets)
    }

    private func outcome(
        of effect: EffectRequest, of live: LiveExecution, on engine: WorkflowEngine, _ sensitive: SensitiveValues
    ) async throws -> TaskOutcome {
        let idempotencyKey = effect.idempotencyKey
        switch try await action(of: effect, of: live, sensitive) {
        case .withSecrets:
            preconditionFailure("an action with its secrets needs no more of them")
        case .openapi(let request):
            let key = effect.effect == .keyed ? idempotencyKey : nil
            return TaskOutcome(
                output: try await openAPI.send(
                    request, in: live.workspace, idempotencyKey: key, deadline: effect.deadline, sensitive: sensitive))
        case .http(let request):
            let key = effect.effect == .keyed ? idempotencyKey : nil
            return TaskOutcome(
                output: try await http.send(
                    request, idempotencyKey: key, deadline: effect.deadline, sensitive: sensitive))
        case .process(let request):
            let output = try await processes.run(request, deadline: effect.deadline, sensitive: sensitive)
            return TaskOutcome(output: output ?? effect.input)
        case .mcp(let request):
            let key = effect.effect == .keyed ? idempotencyKey : nil
            return TaskOutcome(
                output: try await mcp.send(
                    request, idempotencyKey: key, deadline: effect.deadline, sensitive: sensitive))
        case .function(let name, let arguments):
            guard let function = functions[name] else {
                throw WorkflowFault(.configuration, "this server has no function named \(name)")
            }
            return try await workflows.tokens.withSink(of: effect, of: live) { tokens in
                try await function.call(
                    TaskInvocation(
                        arguments: arguments, workspace: live.workspace, execution: live.id, task: effect.task,
                        attempt: effect.attempt, idempotencyKey: idempotencyKey, deadline: effect.deadline,
                        tokens: tokens))
            }
        case .workflow(let id, let version, let input, let isAwaited, let returnsNothing):
            let command = ExecuteCommand(
                workflow: id, version: version, input: input,
                idempotencyKey: ExecutionRequest.taskKeyPrefix + idempotencyKey,
                parent: .init(execution: live.key, task: effect.task), correlationID: live.origin.correlationID,
                priority: live.priority)
            let principal = Principal(actor: live.id.actor, workspace: live.workspace)
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
