package import CognitionCore
import Synchronization

/// Asks all checks at once, and answers within one deadline whatever they do.
///
/// Of each check **at most one** runs at a time: whoever asks while it runs waits for the same result, and one that does
/// not end in time goes on by itself. Until it ends its last finding counts, marked as stale, but for the check's timeout
/// at most; then, or when there is none, it counts as unhealthy with the class `timeout`.
package final class HealthMonitor: Sendable {
    package static let deadline: Duration = .milliseconds(100)

    private struct Run {
        let number: Int
        let startedAt: Timestamp
        let task: Task<Void, Never>
    }

    private struct Progress {
        var run: Run?
        var last: CheckResult?
    }

    /// Somebody who waits for checks to end.
    private struct Waiter {
        var pending: Set<Int>
        let continuation: AsyncStream<Void>.Continuation
    }

    private struct State {
        var progress: [Progress]
        var waiters: [Int: Waiter] = [:]
        var runs = 0
        var lastWaiter = 0
    }

    private let checks: [HealthCheck]
    private let deadline: Duration
    private let clock: any Clock<Duration>
    private let wallClock: any WallClock
    private let state: Mutex<State>

    /// - Parameters:
    ///   - checks: With different names.
    ///   - deadline: How long an answer takes at most.
    ///   - clock: What the deadline is slept on.
    package init(
        _ checks: [HealthCheck], deadline: Duration = HealthMonitor.deadline,
        clock: any Clock<Duration> = ContinuousClock(), wallClock: any WallClock = SystemWallClock()
    ) {
        precondition(Set(checks.map(\.name)).count == checks.count, "checks have different names")
        self.checks = checks
        self.deadline = deadline
        self.clock = clock
        self.wallClock = wallClock
        state = Mutex(State(progress: checks.map { _ in Progress() }))
    }

    /// All checks, within the deadline.
    package func system() async -> SystemHealth { await ask(Array(checks.indices)) }

    /// One check, within the deadline; `nil` when there is none of that name.
    package func check(named name: String) async -> CheckResult? {
        guard let index = checks.firstIndex(where: { $0.name == name }) else { return nil }
        return await ask([index]).checks.first?.result
    }

    private func ask(_ indices: [Int]) async -> SystemHealth {
        let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
        let asked = state.withLock { state -> (runs: [Int], waiter: Int) in
            let runs = indices.map { start($0, &state) }
            state.lastWaiter += 1
            state.waiters[state.lastWaiter] = Waiter(pending: Set(indices), continuation: continuation)
            return (runs, state.lastWaiter)
        }
        if indices.isEmpty { continuation.finish() }
        await wait(for: ended)
        let now = wallClock.now
        return state.withLock { state in
            state.waiters[asked.waiter] = nil
            return SystemHealth(
                checks: zip(indices, asked.runs).map { index, run in
                    let check = checks[index]
                    return SystemHealth.Entry(
                        name: check.name, isRequired: check.isRequired,
                        result: result(of: check, state.progress[index], asked: run, now: now))
                })
        }
    }

    /// Starts a check unless it runs.
    /// - Returns: The number of the run whose result is wanted.
    private func start(_ index: Int, _ state: inout State) -> Int {
        if let run = state.progress[index].run { return run.number }
        state.runs += 1
        let number = state.runs
        let startedAt = wallClock.now
        // No one's child: it may outlast whoever asked, whose deadline is shorter than a check may take.
        let task = Task { await self.perform(index) }
        state.progress[index].run = Run(number: number, startedAt: startedAt, task: task)
        return number
    }

    private func perform(_ index: Int) async {
        let began = ContinuousClock.now
        var result: CheckResult
        do {
            let finding = try await checks[index].body()
            result = CheckResult(
                status: finding.status, details: finding.details, latency: .zero, checkedAt: wallClock.now)
        } catch {
            result = CheckResult(
                status: .unhealthy, latency: .zero, errorClass: Self.errorClass(error), checkedAt: wallClock.now)
        }
        result.latency = ContinuousClock.now - began
        let done = state.withLock { state -> [AsyncStream<Void>.Continuation] in
            state.progress[index] = Progress(run: nil, last: result)
            for key in state.waiters.keys { state.waiters[key]?.pending.remove(index) }
            return state.waiters.values.filter(\.pending.isEmpty).map(\.continuation)
        }
        for continuation in done { continuation.finish() }
    }

    /// Nothing of the error's text, which may hold what is for logs only.
    private static func errorClass(_ error: any Error) -> String {
        // Nobody but the monitor cancels a run, and only one that took too long.
        if error is CancellationError { return timeout }
        return (error as? any CodedError)?.code.name ?? "\(type(of: error))"
    }

    private static let timeout = "timeout"

    private func wait(for ended: AsyncStream<Void>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in ended {} }
            // Its only error is the cancellation below, or the caller's, who then gets what is there.
            group.addTask { [clock, deadline] in try? await clock.sleep(for: deadline) }
            await group.next()
            group.cancelAll()
        }
    }

    private func result(of check: HealthCheck, _ progress: Progress, asked: Int, now: Timestamp) -> CheckResult {
        if let run = progress.run, run.number == asked {
            let age = now - run.startedAt
            if age >= check.timeout { run.task.cancel() }
            guard var last = progress.last, age < check.timeout else {
                return CheckResult(status: .unhealthy, latency: age, errorClass: Self.timeout, checkedAt: now)
            }
            last.isStale = true
            return last
        }
        // The run has ended, and perhaps a later one has begun.
        guard let last = progress.last else { preconditionFailure("a run that has ended leaves a result") }
        return last
    }
}
