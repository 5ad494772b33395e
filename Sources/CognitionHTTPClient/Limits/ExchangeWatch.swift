import CognitionCore
import Synchronization

/// Sees to it that one exchange ends: in its time, and not after a silence of the server.
///
/// Silence is measured only while somebody waits for the server; what a reader does with the bytes is its own time.
final class ExchangeWatch: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Limit: Sendable, Hashable {
        case total(Duration)
        case firstByte(Duration)
        case idle(Duration)

        var duration: Duration {
            switch self {
            case .total(let duration), .firstByte(let duration), .idle(let duration): duration
            }
        }
    }

    private struct State {
        /// Set while the server is waited for.
        var silence: (until: Instant, limit: Limit)?
        var firstByteUntil: Instant?
        var hasHeard = false
        var status: Int?
        var failure: (any Error)?
        var expired: Limit?
    }

    private let deadline: Instant
    private let total: Duration
    private let firstByte: Duration?
    private let idle: Duration?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - total: Of the whole exchange, counted from now.
    ///   - firstByte: Until the first byte of the body; `nil` leaves it to `total`.
    ///   - idle: Between two bytes of the body; `nil` leaves it to `total`.
    init(total: Duration, firstByte: Duration? = nil, idle: Duration? = nil) {
        deadline = ContinuousClock.now + total
        self.total = total
        self.firstByte = firstByte
        self.idle = idle
    }

    /// Of the answer, once its head is there.
    var status: Int? { state.withLock { $0.status } }
    /// What the transport ended the body with, if it did.
    var failure: (any Error)? { state.withLock { $0.failure } }

    /// Runs `exchange` and ends it when a limit is reached.
    /// - Throws: `http_client.timeout`, or what `exchange` throws.
    func guarding<Result: Sendable>(_ exchange: @escaping @Sendable () async throws -> Result) async throws -> Result {
        try await withThrowingTaskGroup(of: Result.self) { group in
            group.addTask { try await exchange() }
            group.addTask { try await self.run() }
            defer { group.cancelAll() }
            guard let result = try await group.next() else { preconditionFailure("A group of two has a first.") }
            return result
        }
    }

    private func run<Result>() async throws -> Result {
        while true {
            let now = ContinuousClock.now
            let step = state.withLock { state -> (next: Instant, expired: Limit?) in
                if now >= deadline {
                    state.expired = .total(total)
                } else if let silence = state.silence, now >= silence.until {
                    state.expired = silence.limit
                }
                // A silence that begins after this moment ends no sooner than one of these, so none is overslept.
                let unknown = [firstByte, idle].compactMap(\.self).min().map { now + $0 } ?? deadline
                let first = state.hasHeard ? nil : state.firstByteUntil
                let next = [unknown, first, state.silence?.until].compactMap(\.self).filter { $0 > now }
                return (min(deadline, next.min() ?? deadline), state.expired)
            }
            if let limit = step.expired { throw Self.timeout(limit) }
            try await Task.sleep(until: step.next, clock: .continuous)
        }
    }

    private static func timeout(_ limit: Limit) -> OutboundHTTPError {
        let what =
            switch limit {
            case .total(let duration): "The exchange did not end within \(duration)."
            case .firstByte(let duration): "The server did not begin to answer within \(duration)."
            case .idle(let duration): "The server fell silent for \(duration) in the middle of its answer."
            }
        return OutboundHTTPError(OutboundHTTPError.timeout, what)
    }

    /// The request has its turn.
    func expectsFirstByte() {
        guard let firstByte else { return }
        let until = ContinuousClock.now + firstByte
        state.withLock { state in
            state.firstByteUntil = until
            state.silence = (until, .firstByte(firstByte))
        }
    }

    /// The head of the answer is there; its reader has the turn.
    func began(status: Int) {
        state.withLock { state in
            state.status = status
            state.silence = nil
        }
    }

    /// Somebody waits for the next byte of the body.
    func waits() {
        let now = ContinuousClock.now
        state.withLock { state in
            if !state.hasHeard, let firstByte, let until = state.firstByteUntil {
                state.silence = (until, .firstByte(firstByte))
            } else if let idle {
                state.silence = (now + idle, .idle(idle))
            }
        }
    }

    /// The wait is over, with or without bytes.
    func hears(_ bytes: Bool) {
        state.withLock { state in
            state.hasHeard = state.hasHeard || bytes
            state.silence = nil
        }
    }

    /// Notes what the transport ended the body with.
    func failed(_ error: any Error) -> any Error {
        state.withLock { $0.failure = error }
        return error
    }

    /// Whether a limit of at least `duration` was reached by the server's fault. A stream that had begun and simply
    /// takes longer than its whole time is nobody's.
    func blames(noShorterThan duration: Duration) -> Bool {
        state.withLock { state in
            guard let expired = state.expired, expired.duration >= duration else { return false }
            if case .total = expired, state.hasHeard { return false }
            return true
        }
    }
}
