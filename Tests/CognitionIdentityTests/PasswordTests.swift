import CognitionCore
import CognitionIdentity
import Dispatch
import Metrics
import MetricsTestKit
import Synchronization
import Testing

@Suite struct PasswordTests {
    @Test(
        "Hashes are those of other implementations of bcrypt",
        arguments: [
            ("U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            ("U*U*", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
            ("U*U*U", "$2b$05$XXXXXXXXXXXXXXXXXXXXXO", "$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
        ])
    func vectors(_ password: String, _ setting: String, _ hash: String) throws {
        let memory = CryptMemory()
        #expect(try memory.hash(Secret(password), setting: setting) == hash)
        #expect(try memory.hash(Secret(password), setting: hash) == hash)
    }

    @Test(
        "A setting that is none is an error", arguments: ["", "*0", "$2b$", "$2b$03$CCCCCCCCCCCCCCCCCCCCC.", "$1$abc$"])
    func badSetting(_ setting: String) {
        #expect(throws: IdentityError.self) { try CryptMemory().hash(Secret("password"), setting: setting) }
    }

    @Test("Each hash has its own salt and the wanted cost, and knows its password alone")
    func hashing() async throws {
        let hasher = PasswordHasher(cost: 4, metricsFactory: TestMetrics())
        let (one, two) = (try await hasher.hash(World.password), try await hasher.hash(World.password))
        #expect(one.hasPrefix("$2b$04$"))
        #expect(one.utf8.count == 60)
        #expect(one != two)
        #expect(try await hasher.verify(World.password, against: one))
        #expect(try await !hasher.verify(Secret("another one"), against: one))
        await #expect(throws: IdentityError.self) { try await hasher.verify(World.password, against: "") }
    }

    @Test("At most 64 passwords wait; one more is refused, and who goes away makes room")
    func bounds() async throws {
        let metrics = TestMetrics()
        let gate = GatedMetrics(metrics)
        let hasher = PasswordHasher(cost: 4, threads: 1, metricsFactory: gate)
        let busy = Task { try await hasher.hash(World.password) }
        while try metrics.expectGauge("auth.password.queue").values.last != 0 { await Task.yield() }
        let waiting = (0..<PasswordHasher.waitingMax).map { _ in
            Task.immediate { try await hasher.hash(World.password) }
        }
        #expect(await code { _ = try await hasher.hash(World.password) } == "identity.busy")
        #expect(try metrics.expectGauge("auth.password.queue").values.last == 64)
        waiting[10].cancel()
        await #expect(throws: CancellationError.self) { try await waiting[10].value }
        #expect(try metrics.expectGauge("auth.password.queue").values.last == 63)
        let late = Task.immediate { try await hasher.hash(World.password) }
        #expect(try metrics.expectGauge("auth.password.queue").values.last == 64)
        for task in waiting + [late] { task.cancel() }
        for task in waiting + [late] { await #expect(throws: CancellationError.self) { try await task.value } }
        #expect(try metrics.expectGauge("auth.password.queue").values.last == 0)
        gate.open()
        _ = try await busy.value
        #expect(gate.passes == 1)
    }

    @Test("A caller who has gone away already never waits")
    func cancelledBefore() async {
        let hasher = PasswordHasher(cost: 4, threads: 1, metricsFactory: TestMetrics())
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await hasher.hash(World.password)
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("The throttle counts addresses apart, IPv6 by the network, and forgets the oldest")
    func throttle() {
        let throttle = FailureThrottle(failuresMax: 2, window: .seconds(100), addressesMax: 3)
        let start = Timestamp(microseconds: 0)
        func waits(_ address: String?, at seconds: Int64) -> Duration? {
            throttle.wait(for: ClientInfo(address: address), now: start + .seconds(seconds))
        }
        func fail(_ address: String?, at seconds: Int64) {
            throttle.countFailure(of: ClientInfo(address: address), now: start + .seconds(seconds))
        }
        fail("2001:db8::1", at: 0)
        fail("2001:db8::ffff:2", at: 10)
        #expect(waits("2001:db8:0:0:9::", at: 20) == .seconds(80))
        #expect(waits("2001:db8:0:1::1", at: 20) == nil)
        #expect(waits("2001:db8::1", at: 100) == nil)
        fail("::ffff:192.0.2.7", at: 20)
        fail("192.0.2.7", at: 21)
        #expect(waits("192.0.2.7", at: 30) == .seconds(90))
        for _ in 0..<9 { fail(nil, at: 30) }
        #expect(waits(nil, at: 30) == nil)
        fail("b", at: 40)
        fail("c", at: 50)
        #expect(waits("2001:db8::1", at: 50) == nil)
        #expect(waits("192.0.2.7", at: 50) == .seconds(70))
    }
}

/// Keeps a thread that has hashed a password, where it notes how long that took, until a test opens the gate.
private final class GatedMetrics: MetricsFactory, TimerHandler {
    private let metrics: TestMetrics
    private let opened = DispatchSemaphore(value: 0)
    private let count = Atomic(0)

    init(_ metrics: TestMetrics) { self.metrics = metrics }

    var passes: Int { count.load(ordering: .relaxed) }

    func open() { opened.signal() }

    func recordNanoseconds(_ duration: Int64) {
        count.add(1, ordering: .relaxed)
        opened.wait()
        opened.signal()
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        metrics.makeCounter(label: label, dimensions: dimensions)
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        metrics.makeRecorder(label: label, dimensions: dimensions, aggregate: aggregate)
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { self }
    func destroyCounter(_ handler: any CounterHandler) { metrics.destroyCounter(handler) }
    func destroyRecorder(_ handler: any RecorderHandler) { metrics.destroyRecorder(handler) }
    func destroyTimer(_ handler: any TimerHandler) {}
}
