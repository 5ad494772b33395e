import CognitionCore
import Synchronization

/// Passes an answer on to its observer, and knows whether something heard has to be taken back.
final class AnswerRelay: Sendable {
    private struct State {
        var hasText = false
        var firstTextAt: Duration?
    }

    private let observer: CompletionObserver
    private let elapsed: @Sendable () -> Duration
    private let state = Mutex(State())

    /// - Parameter elapsed: A clock that only goes forward.
    init(to observer: CompletionObserver, elapsed: @escaping @Sendable () -> Duration) {
        self.observer = observer
        self.elapsed = elapsed
    }

    /// What an attempt is given. A provider that has returned says no more.
    var listener: CompletionObserver {
        CompletionObserver { [self] event in
            let now = elapsed()
            state.withLock { state in
                if case .text = event {
                    state.hasText = true
                    state.firstTextAt = state.firstTextAt ?? now
                } else {
                    state.hasText = false
                }
            }
            observer.hear(event)
        }
    }

    /// Another attempt follows: what was said is void, and the observer is told if it heard any of it.
    func restart(because reason: String) {
        let isVoid = state.withLock { state in
            defer { state = State() }
            return state.hasText
        }
        if isVoid { observer.hear(.reset(reason: reason)) }
    }

    /// When the present attempt was first heard, on the clock given.
    var firstTextAt: Duration? { state.withLock(\.firstTextAt) }
}
