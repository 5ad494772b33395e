package struct CircuitBreakerSettings: Sendable, Hashable {
    /// Failures in a row that open the circuit.
    package var failuresMax: Int
    /// How long an open circuit refuses before it lets one probe through.
    package var rest: Duration
    /// Peers remembered; beyond it the one that failed longest ago is forgotten, which closes its circuit.
    package var peersMax: Int

    package init(failuresMax: Int = 10, rest: Duration = .seconds(10), peersMax: Int = 1_024) {
        precondition(failuresMax > 0 && peersMax > 0, "A circuit breaker needs positive bounds.")
        self.failuresMax = failuresMax
        self.rest = rest
        self.peersMax = peersMax
    }
}

/// Keeps callers away from a peer that does not answer: closed → open after some failures in a row → one probe after a
/// rest.
///
/// A pure machine: time is a parameter, and only peers whose last exchange failed are remembered. Any answer, a late
/// one of a request sent before the circuit opened included, closes the circuit. Pattern: M. Nygard, *Release It!*,
/// "Circuit Breaker".
package struct CircuitBreaker<Peer: Hashable & Sendable>: Sendable {
    package typealias Instant = ContinuousClock.Instant

    package enum Admission: Sendable, Hashable {
        /// A probe must be reported back as success, failure or abandoned.
        case allowed(isProbe: Bool)
        case refused(until: Instant)
    }

    private enum State: Sendable {
        /// May become open.
        case closed(failures: Int)
        /// May become probing, or closed by a late answer.
        case open(until: Instant)
        /// May become open or closed; a probe that is never reported counts as lost at `until`.
        case probing(until: Instant)
    }

    private struct Entry: Sendable {
        var state: State
        var failedAt: Instant
    }

    private let settings: CircuitBreakerSettings
    private var entries: [Peer: Entry] = [:]

    package init(settings: CircuitBreakerSettings = .init()) { self.settings = settings }

    /// Peers remembered at present; at most `peersMax`.
    package var tracked: Int { entries.count }

    package mutating func admit(_ peer: Peer, now: Instant) -> Admission {
        guard let entry = entries[peer] else { return .allowed(isProbe: false) }
        switch entry.state {
        case .closed:
            return .allowed(isProbe: false)
        case .open(let until), .probing(let until):
            guard now >= until else { return .refused(until: until) }
            entries[peer]?.state = .probing(until: now + settings.rest)
            return .allowed(isProbe: true)
        }
    }

    /// An answer came, whatever its status.
    package mutating func succeeded(_ peer: Peer) { entries[peer] = nil }

    /// - Returns: Whether this failure opened the circuit.
    @discardableResult
    package mutating func failed(_ peer: Peer, isProbe: Bool, now: Instant) -> Bool {
        var failures = 1
        switch entries[peer]?.state {
        case nil: makeRoom()
        case .closed(let before): failures = before + 1
        case .probing where isProbe: failures = settings.failuresMax
        case .open, .probing: return false  // a late failure of a request sent before
        }
        let opens = failures >= settings.failuresMax
        entries[peer] = Entry(
            state: opens ? .open(until: now + settings.rest) : .closed(failures: failures), failedAt: now)
        return opens
    }

    /// The exchange ended without a word about the peer, e.g. by cancellation; a probe's place is given to the next
    /// caller.
    package mutating func abandoned(_ peer: Peer, isProbe: Bool, now: Instant) {
        if isProbe, case .probing = entries[peer]?.state { entries[peer]?.state = .open(until: now) }
    }

    private mutating func makeRoom() {
        guard entries.count >= settings.peersMax,
            let oldest = entries.min(by: { $0.value.failedAt < $1.value.failedAt })?.key
        else { return }
        entries[oldest] = nil
    }
}
