import CognitionCore
import CognitionObservability
import Synchronization
import Testing

@Suite struct HealthMonitorTests {
    typealias Finding = HealthCheck.Finding

    /// A deadline that the test lets pass, or that never does.
    private final class DeadlineClock: Clock {
        typealias Duration = Swift.Duration
        typealias Instant = ContinuousClock.Instant

        private let start = ContinuousClock.now
        private let isOver = Atomic(false)

        var now: Instant { start }
        var minimumResolution: Duration { .zero }

        /// Whether every deadline has passed as soon as it is set.
        func setOver(_ over: Bool) { isOver.store(over, ordering: .sequentiallyConsistent) }

        func sleep(until deadline: Instant, tolerance: Duration?) async throws {
            if isOver.load(ordering: .sequentiallyConsistent) { return }
            let (never, continuation) = AsyncStream.makeStream(of: Void.self)
            for await _ in never {}
            continuation.finish()
            throw CancellationError()
        }
    }

    private final class WallClockByHand: WallClock {
        private let moment = Mutex(Timestamp(microseconds: 1_800_000_000_000_000))
        var now: Timestamp { moment.withLock { $0 } }
        func advance(by duration: Duration) { moment.withLock { $0 = $0 + duration } }
    }

    /// Holds back whoever comes while it is shut; lets them go when they are cancelled.
    private final class Gate: Sendable {
        private let passed = Count()
        private let cancelled = Count()
        private let (stream, continuation) = AsyncStream.makeStream(of: Void.self)

        var passes: Int { passed.value }
        var cancellations: Int { cancelled.value }

        func pass() async throws {
            passed.add()
            for await _ in stream {}
            guard Task.isCancelled else { return }
            cancelled.add()
            throw CancellationError()
        }

        func open() { continuation.finish() }
    }

    private final class Count: Sendable {
        private let count = Atomic(0)
        var value: Int { count.load(ordering: .sequentiallyConsistent) }
        func add() { count.wrappingAdd(1, ordering: .sequentiallyConsistent) }
    }

    private struct Failure: CodedError {
        let code = ErrorCode("test.broken", category: .unavailable)
        let message = "the password is hunter2"
        let cause: (any Error)? = nil
    }

    private let clock = DeadlineClock()
    private let wallClock = WallClockByHand()

    private func monitor(_ checks: HealthCheck...) -> HealthMonitor {
        HealthMonitor(checks, clock: clock, wallClock: wallClock)
    }

    @Test("Results come in the order of the checks, with what they say")
    func results() async throws {
        let monitor = monitor(
            HealthCheck("b", isRequired: true) { Finding(details: ["depth": .integer(3)]) },
            HealthCheck("a", isRequired: false) { Finding(.degraded) })
        let health = await monitor.system()
        #expect(health.checks.map(\.name) == ["b", "a"] && health.status == .degraded)
        let first = try #require(health.checks.first)
        #expect(first.isRequired && first.result.status == .healthy && first.result.details["depth"] == .integer(3))
        #expect(first.result.latency > .zero && first.result.checkedAt == wallClock.now && !first.result.isStale)
        #expect(await HealthMonitor([]).system().status == .healthy)
    }

    private static let overalls: [([HealthStatus], [HealthStatus], HealthStatus)] = [
        ([.healthy, .healthy], [.healthy], .healthy), ([.healthy], [.unhealthy], .degraded),
        ([.healthy], [.degraded, .healthy], .degraded), ([.degraded, .healthy], [.unhealthy], .degraded),
        ([.healthy, .unhealthy], [.healthy], .unhealthy), ([.degraded, .unhealthy], [], .unhealthy),
        ([], [.unhealthy], .degraded), ([], [], .healthy),
    ]

    @Test("The worst that is required counts; the rest degrades at most", arguments: overalls)
    func overall(required: [HealthStatus], optional: [HealthStatus], expected: HealthStatus) async {
        let checks =
            required.enumerated().map { number, status in
                HealthCheck("r\(number)", isRequired: true) { Finding(status) }
            }
            + optional.enumerated().map { number, status in
                HealthCheck("o\(number)", isRequired: false) { Finding(status) }
            }
        #expect(await HealthMonitor(checks, clock: clock).system().status == expected)
    }

    @Test("Of an error only its class is told")
    func errors() async throws {
        struct Plain: Error { let password = "hunter2" }
        let monitor = monitor(
            HealthCheck("coded", isRequired: true) { throw Failure() },
            HealthCheck("plain", isRequired: true) { throw Plain() })
        let health = await monitor.system()
        #expect(health.checks.map(\.result.errorClass) == ["test.broken", "Plain"] && health.status == .unhealthy)
        #expect(!"\(health)".contains("hunter2"))
    }

    @Test("All checks run at the same time")
    func concurrent() async {
        let (first, second) = (Gate(), Gate())
        let monitor = monitor(
            HealthCheck("a", isRequired: true) {
                second.open()
                try await first.pass()
                return Finding()
            },
            HealthCheck("b", isRequired: true) {
                first.open()
                try await second.pass()
                return Finding()
            })
        #expect(await monitor.system().status == .healthy)
    }

    @Test("A check that hangs holds up nobody, and counts as failed while nothing is known of it")
    func hanging() async throws {
        let gate = Gate()
        let checks = [
            HealthCheck("hangs", isRequired: true) {
                try await gate.pass()
                return Finding()
            }, HealthCheck("answers", isRequired: true) { Finding(.degraded) },
        ]
        let monitor = HealthMonitor(checks)
        let started = ContinuousClock.now
        let health = await monitor.system()
        let took = ContinuousClock.now - started
        #expect(took >= HealthMonitor.deadline && took < .seconds(10), "\(took)")
        #expect(health.checks.map(\.result.errorClass) == ["timeout", nil] && health.status == .unhealthy)
        #expect(health.checks.map(\.result.status) == [.unhealthy, .degraded])
        gate.open()
    }

    @Test("A late check counts as its last finding, until its timeout; then it is cancelled and starts anew")
    func stale() async throws {
        let (calls, gate) = (Count(), Gate())
        let monitor = HealthMonitor(
            [
                HealthCheck("a", isRequired: true, timeout: .seconds(5)) {
                    calls.add()
                    if calls.value == 2 { try await gate.pass() }  // the second time it hangs
                    return Finding(.degraded, details: ["n": .integer(1)])
                }
            ], clock: clock, wallClock: wallClock)
        let first = try #require(await monitor.check(named: "a"))
        #expect(first.status == .degraded && !first.isStale)

        clock.setOver(true)
        wallClock.advance(by: .seconds(60))
        // Asked often, begun once.
        for _ in 0..<5 {
            let late = try #require(await monitor.check(named: "a"))
            #expect(late.status == .degraded && late.isStale && late.details["n"] == .integer(1))
            #expect(late.checkedAt == first.checkedAt && late.errorClass == nil)
            wallClock.advance(by: .milliseconds(900))
        }
        wallClock.advance(by: .seconds(1))
        let lost = try #require(await monitor.check(named: "a"))
        #expect(lost.status == .unhealthy && lost.errorClass == "timeout" && !lost.isStale)
        #expect(lost.latency >= .seconds(5))

        // The run was cancelled, so it ends, and the next finds the check well again.
        clock.setOver(false)
        while try #require(await monitor.check(named: "a")).status != .degraded {}
        #expect(gate.passes == 1 && gate.cancellations == 1)
    }

    @Test("Those who ask at the same time share one run")
    func overlapping() async {
        let (gate, runs) = (Gate(), Count())
        let monitor = monitor(
            HealthCheck("a", isRequired: true) {
                runs.add()
                try await gate.pass()
                return Finding()
            })
        clock.setOver(true)
        for _ in 0..<100 { #expect(await monitor.system().status == .unhealthy) }
        clock.setOver(false)
        let results = await withTaskGroup(of: HealthStatus.self) { group in
            for _ in 0..<50 { group.addTask { await monitor.system().status } }
            group.addTask {
                gate.open()
                return .healthy
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.allSatisfy { $0 == .healthy } && results.count == 51)
        // After the one that a hundred waited for in vain, each further run began after another had ended.
        #expect(runs.value <= 51)
        #expect(gate.cancellations == 0)
    }

    @Test("One check in flight, whoever asks")
    func oneInFlight() async {
        let (gate, runs) = (Gate(), Count())
        let monitor = monitor(
            HealthCheck("a", isRequired: true, timeout: .seconds(3_600)) {
                runs.add()
                try await gate.pass()
                return Finding()
            })
        clock.setOver(true)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 { group.addTask { _ = await monitor.system() } }
        }
        clock.setOver(false)
        async let joined = monitor.system()
        gate.open()
        #expect(await joined.status == .healthy)
        #expect((1...2).contains(runs.value))
    }

    @Test("One check is asked by name alone")
    func byName() async {
        let others = Count()
        let monitor = monitor(
            HealthCheck("a", isRequired: true) { Finding(.degraded) },
            HealthCheck("b", isRequired: true) {
                others.add()
                return Finding()
            })
        #expect(await monitor.check(named: "a")?.status == .degraded)
        #expect(await monitor.check(named: "c") == nil)
        #expect(others.value == 0)
    }

    @Test("Whoever is cancelled gets what is there")
    func cancelled() async {
        let gate = Gate()
        let monitor = monitor(
            HealthCheck("a", isRequired: true) {
                try await gate.pass()
                return Finding()
            })
        let asking = Task { await monitor.system() }
        asking.cancel()
        #expect(await asking.value.status == .unhealthy)
        gate.open()
    }

    @Test("The server's life goes forward only")
    func life() {
        let state = HealthState()
        #expect(state.phase == .starting && !state.isReady)
        state.advance(to: .migrating)
        #expect(state.phase.name == "migrating" && !state.isReady)
        state.advance(to: .ready)
        #expect(state.isReady)
        state.advance(to: .draining)
        state.advance(to: .ready)
        #expect(state.phase == .draining && !state.isReady)
    }

    private static let disks: [(UInt64, UInt64, HealthStatus)] = [
        (64 << 20, 1 << 30, .degraded), ((64 << 20) - 1, 1 << 40, .unhealthy), (0, 0, .unhealthy),
        ((1 << 30) - 1, 2 << 30, .degraded), (1 << 30, 10 << 30, .healthy), ((10 << 30) - 1, 100 << 30, .degraded),
        (10 << 30, 100 << 30, .healthy),
    ]

    @Test("Room on the disk", arguments: disks)
    func disk(free: UInt64, total: UInt64, expected: HealthStatus) {
        #expect(DiskSpace(freeBytes: free, totalBytes: total).status == expected)
    }

    @Test("The disk of a folder")
    func folder() async throws {
        let monitor = HealthMonitor([.diskSpace(ofFolder: "/")], clock: clock)
        let result = try #require(await monitor.check(named: "disk"))
        #expect(result.errorClass == nil && result.details["total_bytes"]?.integerValue ?? 0 > 0)
        let missing = HealthMonitor([.diskSpace(ofFolder: "/no/such/folder")], clock: clock)
        let failed = try #require(await missing.check(named: "disk"))
        #expect(failed.status == .unhealthy && failed.errorClass == "DiskSpaceError")
    }
}
