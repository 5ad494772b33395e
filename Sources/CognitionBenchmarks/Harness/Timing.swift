import CognitionCore
import Synchronization

/// The seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    return (ContinuousClock.now - start).seconds
}

func seconds(_ body: () async throws -> Void) async rethrows -> Double {
    let start = ContinuousClock.now
    try await body()
    return (ContinuousClock.now - start).seconds
}

/// Calls `body` `count` times, `inFlight` at a time, and returns the seconds that all of it took.
///
/// - Parameter body: Takes the number of the caller, 0..<inFlight.
func concurrently(
    _ count: Int, inFlight: Int, _ body: @escaping @Sendable (Int) async throws -> Void
) async throws -> Double {
    let countdown = Countdown(from: count)
    return try await seconds {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<inFlight {
                group.addTask {
                    while countdown.next() { try await body(caller) }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// What is left to do, shared by those who do it.
private final class Countdown: Sendable {
    private let left: Atomic<Int>

    init(from count: Int) { left = Atomic(count) }

    /// Whether there is one more.
    func next() -> Bool { left.subtract(1, ordering: .relaxed).newValue >= 0 }
}
