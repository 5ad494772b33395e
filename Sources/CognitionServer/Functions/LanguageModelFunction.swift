import CognitionCore
import CognitionLanguageModels
import CognitionWorkflows

/// `call: llm`: asks a language model.
struct LanguageModelFunction: TaskFunction {
    let name = "llm"
    /// The arguments are checked by the model's own reader, which names every fault.
    let signature = FunctionSignature(effect: .idempotent)
    let models: LanguageModels

    func call(_ invocation: TaskInvocation) async throws -> TaskOutcome {
        TaskOutcome(output: try await models.complete(with: invocation.arguments).jsonValue)
    }
}
