import CognitionCore
import CognitionStorage
import Logging
import Synchronization

extension WorkflowEngine {
    /// How long a database that does not answer is asked again: about five seconds in all.
    private static let spendingRetry = RetryPolicy(
        delay: .milliseconds(50), backoff: .exponential(), delayMax: .seconds(1), attemptsMax: 9)

    /// Stores what calls have cost that were cut off, outlived their execution, or whose result could not be committed. It
    /// is nobody's result, so no claim guards it.
    ///
    /// It is tried again while the database does not answer and the engine goes on; then it is told and given up, as
    /// nothing else hangs on it. Where an engine leaves open whether a failed COMMIT took effect, the cost of the execution
    /// may be counted twice; ledgers have keys of their own.
    func commitSpending(_ step: LiveExecution.Step, of live: LiveExecution) async {
        guard step.cost.micros > 0 || !step.writes.isEmpty else { return }
        var attempt = 1
        while true {
            do {
                return try await workflows.database.write { tx in
                    if step.cost.micros > 0 { try ExecutionStore.addCost(step.cost, to: live.id, tx) }
                    for write in step.writes { try write(tx) }
                }
            } catch let error as StorageError where error.isTransient {
                guard let delay = delay(after: attempt) else { return noteUnstored(live, error) }
                // Not cut short by the end of the engine, which it delays by a second at most.
                try? await Task.sleep(for: delay)  // nobody cancels the task that drives
                attempt += 1
            } catch {
                return noteUnstored(live, error)
            }
        }
    }

    private func delay(after attempt: Int) -> Duration? {
        guard !members.withLock({ $0.isClosing }) else { return nil }
        var random = SystemRandomNumberGenerator()
        return Self.spendingRetry.next(afterAttempt: attempt, elapsed: .zero, using: &random)
    }

    private func noteUnstored(_ live: LiveExecution, _ error: any Error) {
        logger.error(
            "Cost of a call without a committed result not stored",
            metadata: ["execution.id": "\(live.id)", "error": "\(error)"])
    }
}
