package struct CircuitBreakerSettings: Sendable, Hashable {
    /// Transport failures in a row that open the circuit.
    package var failuresMax: Int
    /// How long an open circuit refuses before it lets one probe through.
    package var rest: Duration
    /// Hosts remembered; beyond it the one that failed longest ago is forgotten, which closes its circuit.
    package var hostsMax: Int

    package init(failuresMax: Int = 10, rest: Duration = .seconds(10), hostsMax: Int = 1_024) {
        precondition(failuresMax > 0 && hostsMax > 0, "A circuit breaker needs positive bounds.")
        self.failuresMax = failuresMax
        self.rest = rest
        self.hostsMax = hostsMax
    }
}

/// Keeps callers away from a host that does not answer: closed → open after some failures in a row → one probe after a
/// rest.
///
/// A pure machine: time is a parameter, and only hosts whose last exchange failed are remembered. Any answer, a late
/// one of a request sent before the circuit opened included, closes the circuit. Pattern: M. Nygard, *Release It!*,
/// "Circuit Breaker".
package struct CircuitBreaker<Host: Hashable & Sendable>: Sendable {
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
    private var entries: [Host: Entry] = [:]

    package init(settings: CircuitBreakerSettings = .init()) { self.settings = settings }

    /// Hosts remembered at present; at most `hostsMax`.
    package var tracked: Int { entries.count }

    package mutating func admit(_ host: Host, now: Instant) -> Admission {
        guard let entry = entries[host] else { return .allowed(isProbe: false) }
        switch entry.state {
        case .closed:
            return .allowed(isProbe: false)
        case .open(let until), .probing(let until):
            guard now >= until else { return .refused(until: until) }
            entries[host]?.state = .probing(until: now + settings.rest)
            return .allowed(isProbe: true)
        }
    }

    /// An answer came, whatever its status.
    package mutating func succeeded(_ host: Host) { entries[host] = nil }

    /// - Returns: Whether this failure opened the circuit.
    @discardableResult
    package mutating func failed(_ host: Host, isProbe: Bool, now: Instant) -> Bool {
        var failures = 1
        switch entries[host]?.state {
        case nil: makeRoom()
        case .closed(let before): failures = before + 1
        case .probing where isProbe: failures = settings.failuresMax
        case .open, .probing: return false  // a late failure of a request sent before
        }
        let opens = failures >= settings.failuresMax
        entries[host] = Entry(
            state: opens ? .open(until: now + settings.rest) : .closed(failures: failures), failedAt: now)
        return opens
    }

    /// The exchange ended without a word about the host, e.g. by cancellation; a probe's place is given to the next
    /// caller.
    package mutating func abandoned(_ host: Host, isProbe: Bool, now: Instant) {
        if isProbe, case .probing = entries[host]?.state { entries[host]?.state = .open(until: now) }
    }

    private mutating func makeRoom() {
        guard entries.count >= settings.hostsMax,
            let oldest = entries.min(by: { $0.value.failedAt < $1.value.failedAt })?.key
        else { return }
        entries[oldest] = nil
    }
}
