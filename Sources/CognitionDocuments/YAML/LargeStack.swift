import Dispatch
import Foundation
import Synchronization

/// Runs `body` on a thread of its own with a stack of 16 MiB and waits for it.
///
/// The composer calls itself for each of the up to 1,000 levels that libyaml admits, which may be more than the calling
/// thread's stack holds. Costs about 50 µs.
func withLargeStack<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value {
    let outcome = Outcome<Value>()
    let thread = Thread {
        let value = body()
        outcome.value.withLock { $0 = value }
        outcome.isReady.signal()
    }
    thread.stackSize = 16 << 20
    thread.start()
    outcome.isReady.wait()
    guard let value = outcome.value.withLock({ $0 }) else {
        preconditionFailure("The thread signals only after it has left its value.")
    }
    return value
}

private final class Outcome<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
    let isReady = DispatchSemaphore(value: 0)
}
