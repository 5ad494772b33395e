import CognitionCore
import CognitionLanguageModels
import CognitionWorkflows

/// `call: llm`: asks a language model. Every attempt goes into the ledger with the end of the task, however it ends.
struct LanguageModelFunction: TaskFunction {
    /// Kept free before the task's deadline, so that an attempt that takes too long is still written down: at most a second,
    /// and a twentieth of the time.
    private static let marginMax = Duration.seconds(1)

    let name = "llm"
    /// The arguments are checked by the model's own reader, which names every fault.
    let signature = FunctionSignature(effect: .idempotent)
    let models: LanguageModels
    var clock: any WallClock = SystemWallClock()

    func call(_ invocation: TaskInvocation) async throws -> TaskOutcome {
        let context = UsageLedger.Context(
            workspace: invocation.workspace, execution: invocation.execution.uuid, task: invocation.task)
        var cancelled: [ModelCall] = []
        do {
            let answered = try await models.complete(
                with: invocation.arguments, timeout: timeout(of: invocation),
                observer: Self.observer(writingTo: invocation.tokens)
            ) { cancelled = $0 }
            return TaskOutcome(
                output: answered.completion.jsonValue, writes: Self.record(answered.attempts, for: context),
                cost: answered.attempts.cost)
        } catch let failure as LanguageModelFailure {
            throw TaskFailure(
                fault(of: failure.error), writes: Self.record(failure.attempts, for: context),
                cost: failure.attempts.cost)
        } catch let error as CancellationError {
            throw TaskFailure(error, writes: Self.record(cancelled, for: context), cost: cancelled.cost)
        }
    }

    private func timeout(of invocation: TaskInvocation) -> Duration? {
        invocation.deadline.map { deadline in
            let remaining = max(.milliseconds(1), deadline - clock.now)
            return remaining - min(Self.marginMax, remaining / 20)
        }
    }

    /// Shows the words as they come.
    private static func observer(writingTo tokens: TokenSink) -> CompletionObserver {
        CompletionObserver { event in
            switch event {
            case .text(let text): tokens.write(text)
            case .reset(let reason): tokens.reset(because: reason)
            }
        }
    }

    private static func record(_ calls: [ModelCall], for context: UsageLedger.Context) -> TaskWrite? {
        guard !calls.isEmpty else { return nil }
        return { tx in try UsageLedger.record(calls, for: context, in: tx) }
    }

    /// The fault says when a provider may be asked again, so that the author of a workflow can wait for it.
    private func fault(of error: LanguageModelError) -> WorkflowFault {
        var fault = WorkflowFault(error)
        if case .retry(let after?) = error.advice, after > .zero {
            fault.detail = "\(error.message) The provider asks to wait \(Int(after.seconds.rounded(.up))) s."
        }
        return fault
    }
}
