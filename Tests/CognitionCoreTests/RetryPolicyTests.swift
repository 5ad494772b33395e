import CognitionCore
import Testing

@Suite struct RetryPolicyTests {
    private func delays(_ policy: RetryPolicy, attempts: ClosedRange<Int> = 1...4) -> [Duration] {
        var random = SeededGenerator(seed: 1)
        return attempts.map { policy.delay(afterAttempt: $0, using: &random) }
    }

    @Test("Delays stay, grow by steps or by factors, up to a bound")
    func growth() {
        #expect(delays(RetryPolicy(delay: .seconds(2))) == [.seconds(2), .seconds(2), .seconds(2), .seconds(2)])
        #expect(
            delays(RetryPolicy(delay: .seconds(2), backoff: .linear)) == [
                .seconds(2), .seconds(4), .seconds(6), .seconds(8),
            ])
        let exponential = RetryPolicy(delay: .seconds(2), backoff: .exponential())
        #expect(delays(exponential) == [.seconds(2), .seconds(4), .seconds(8), .seconds(16)])
        let bounded = RetryPolicy(delay: .seconds(2), backoff: .exponential(multiplier: 3), delayMax: .seconds(10))
        #expect(delays(bounded) == [.seconds(2), .seconds(6), .seconds(10), .seconds(10)])
    }

    @Test(
        "Nothing overflows and nothing is negative",
        arguments: [
            Backoff.constant, .linear, .exponential(), .exponential(multiplier: 1e300), .exponential(multiplier: -2),
            .exponential(multiplier: .nan), .exponential(multiplier: 0.5),
        ])
    func extremes(backoff: Backoff) {
        var random = SeededGenerator(seed: 2)
        for jitter in [Jitter.none, .full, .added(.seconds(-5) ... .seconds(Int64.max))] {
            for delay in [Duration.seconds(-1), .zero, .seconds(1), .seconds(Int64.max)] {
                for attempt in [Int.min, 0, 1, 64, 1_000_000, Int.max] {
                    let policy = RetryPolicy(delay: delay, backoff: backoff, jitter: jitter)
                    #expect(policy.delay(afterAttempt: attempt, using: &random) >= .zero)
                }
            }
        }
    }

    @Test("Jitter keeps to its range and is decided by the generator")
    func jitter() {
        let full = RetryPolicy(delay: .seconds(8), jitter: .full)
        let drawn = delays(full, attempts: 1...200)
        #expect(drawn.allSatisfy { (.zero ... .seconds(8)).contains($0) })
        #expect(Set(drawn).count > 190)
        #expect(drawn == delays(full, attempts: 1...200))
        let added = delays(
            RetryPolicy(delay: .seconds(1), jitter: .added(.seconds(2) ... .seconds(3))), attempts: 1...200)
        #expect(added.allSatisfy { (.seconds(3) ... .seconds(4)).contains($0) })
    }

    @Test("The bounds end the attempts")
    func ends() {
        var random = SeededGenerator(seed: 4)
        let policy = RetryPolicy(delay: .seconds(1), attemptsMax: 3, totalDuration: .seconds(10))
        #expect(policy.next(afterAttempt: 1, elapsed: .zero, using: &random) == .seconds(1))
        #expect(policy.next(afterAttempt: 2, elapsed: .seconds(8), using: &random) == .seconds(1))
        #expect(policy.next(afterAttempt: 2, elapsed: .seconds(9), using: &random) == nil)
        #expect(policy.next(afterAttempt: 3, elapsed: .zero, using: &random) == nil)
        #expect(RetryPolicy.never.next(afterAttempt: 1, elapsed: .zero, using: &random) == nil)
    }
}
