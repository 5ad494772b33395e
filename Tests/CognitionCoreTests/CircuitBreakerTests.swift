import CognitionCore
import Testing

@Suite struct CircuitBreakerTests {
    private let start = ContinuousClock.now

    private func at(_ seconds: Int) -> ContinuousClock.Instant { start.advanced(by: .seconds(seconds)) }

    private func opened(_ failures: Int = 3) -> CircuitBreaker<String> {
        var breaker = CircuitBreaker<String>(settings: .init(failuresMax: 3, rest: .seconds(10), peersMax: 4))
        for _ in 0..<failures { breaker.failed("a", isProbe: false, now: start) }
        return breaker
    }

    @Test("Only failures in a row open it, and only for their host")
    func opens() {
        var breaker = opened(2)
        #expect(breaker.admit("a", now: start) == .allowed(isProbe: false))
        breaker.succeeded("a")
        #expect(breaker.tracked == 0)
        let opening = (0..<3).map { _ in breaker.failed("a", isProbe: false, now: start) }
        #expect(opening == [false, false, true])
        #expect(breaker.admit("a", now: at(9)) == .refused(until: at(10)))
        #expect(breaker.admit("b", now: at(9)) == .allowed(isProbe: false))
    }

    @Test("After the rest one probe goes, and its end decides")
    func probes() {
        var breaker = opened()
        #expect(breaker.admit("a", now: at(10)) == .allowed(isProbe: true))
        #expect(breaker.admit("a", now: at(11)) == .refused(until: at(20)))
        breaker.failed("a", isProbe: true, now: at(12))
        #expect(breaker.admit("a", now: at(21)) == .refused(until: at(22)))
        #expect(breaker.admit("a", now: at(22)) == .allowed(isProbe: true))
        breaker.succeeded("a")
        #expect(breaker.admit("a", now: at(22)) == .allowed(isProbe: false))
    }

    @Test("An abandoned probe gives its place away, a lost one after the rest")
    func lostProbes() {
        var breaker = opened()
        #expect(breaker.admit("a", now: at(10)) == .allowed(isProbe: true))
        breaker.abandoned("a", isProbe: true, now: at(11))
        #expect(breaker.admit("a", now: at(11)) == .allowed(isProbe: true))
        #expect(breaker.admit("a", now: at(21)) == .allowed(isProbe: true))
        breaker.abandoned("a", isProbe: false, now: at(21))
        #expect(breaker.admit("a", now: at(22)) == .refused(until: at(31)))
    }

    @Test("Late answers of earlier requests: success closes, failure changes nothing")
    func late() {
        var breaker = opened()
        breaker.failed("a", isProbe: false, now: at(5))
        #expect(breaker.admit("a", now: at(10)) == .allowed(isProbe: true))
        breaker.failed("a", isProbe: false, now: at(11))
        #expect(breaker.admit("a", now: at(12)) == .refused(until: at(20)))
        breaker.succeeded("a")
        #expect(breaker.admit("a", now: at(12)) == .allowed(isProbe: false))
    }

    @Test("Hosts are bounded; the one that failed longest ago goes first")
    func bounded() {
        var breaker = opened()
        for (second, host) in ["b", "c", "d", "e", "f"].enumerated() {
            breaker.failed(host, isProbe: false, now: at(second + 1))
        }
        #expect(breaker.tracked == 4)
        #expect(breaker.admit("a", now: at(6)) == .allowed(isProbe: false))
    }
}
