import CognitionCore

/// An effect that needs secrets: everything that is needed to work it out, but for their values.
///
/// The execution never sees a value, so none can come into its rows, its events or a later expression. Each attempt gets
/// what is in the store when it begins.
package struct SecretAction: Sendable {
    /// The secrets whose values it needs.
    package let names: [String]
    /// Of the task's `input.from`.
    let scope: ExpressionScope

    init(names: [String], scope: ExpressionScope) {
        self.names = names
        self.scope = scope
    }

    /// Evaluates `input.from`, then what the task sends.
    func action(with secrets: SecretValues) throws -> EffectRequest.Action {
        var inputScope = scope
        inputScope.define(["secrets": secrets.json])
        var task = scope.task
        if let from = task.definition.input.from {
            task.input = try from.evaluate(task.rawInput, scope: inputScope)
        }
        var body = scope.with(task, stage: .body)
        // For authentication by a secret; no other expression of the task may name it.
        body.define(["secrets": secrets.json])
        return try ExecutionMachine.action(of: task, scope: body)
    }

    /// For measurements.
    var kind: String {
        if case .call(let call) = scope.task.definition.kind {
            switch call.target {
            case .http: return "http"
            case .openapi: return "openapi"
            case .mcp: return "mcp"
            case .function, .defined, .approval: break
            }
        }
        if case .runProcess = scope.task.definition.kind { return "process" }
        return "function"
    }
}

extension TaskDefinition {
    /// The secrets that its effect needs.
    var secrets: [String] {
        var names = input.secrets
        for name in kind.authenticationSecrets where !names.contains(name) { names.append(name) }
        return names
    }
}

extension TaskKind {
    /// The secrets that hold what the call authenticates with.
    fileprivate var authenticationSecrets: [String] {
        guard case .call(let call) = self else { return [] }
        let policies: [Authentication?] =
            switch call.target {
            case .http(let http): [http.endpoint.authentication]
            case .openapi(let openAPI): [openAPI.document.authentication, openAPI.authentication]
            case .mcp(let mcp):
                if case .http(let http) = mcp.transport { [http.endpoint.authentication] } else { [] }
            case .function, .defined, .approval: []
            }
        return policies.compactMap { $0?.secret }
    }
}
