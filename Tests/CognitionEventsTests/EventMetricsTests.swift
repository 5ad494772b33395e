import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Metrics
import MetricsTestKit
import Testing

@Suite struct EventMetricsTests {
    private let stream = StreamName("order", "1")

    private func withMeasuredLog(
        _ engine: TestDatabase.Engine, _ body: (EventLog, TestMetrics) async throws -> Void
    ) async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            try await withLog(engine) { try await body($0, metrics) }
        }
    }

    @Test("Events are counted once they are durable, and only those", arguments: TestDatabase.engines)
    func appended(on engine: TestDatabase.Engine) async throws {
        try await withMeasuredLog(engine) { log, metrics in
            try await log.append((1...3).map { .counted($0) }, to: stream, context: .test())
            #expect(metrics.counterTotal(label: "event.store.events") == 3)

            // One of many is undone, and one is a repeat.
            let id = UUIDGenerator().next()
            try await log.append([.counted(4, id: id)], to: stream, context: .test())
            var requests: [Task<Void, any Error>] = []
            try await log.database.holdingWriter {
                for number in 5...9 {
                    requests.append(
                        log.database.startWrite { [stream] tx in
                            let event = NewEvent.counted(number == 9 ? 4 : number, id: number == 9 ? id : nil)
                            _ = try tx.append([event], to: stream, context: .test())
                            if number == 6 { throw Refusal() }
                        })
                }
            }
            for request in requests { _ = await request.result }
            #expect(try await log.head() == 7)
            #expect(metrics.counterTotal(label: "event.store.events") == 7)

            try await log.execute("UPDATE streams SET version = version")
            #expect(metrics.counterTotal(label: "event.store.events") == 7)
        }
    }

    @Test("Appends and loads of states are timed", arguments: TestDatabase.engines)
    func durations(on engine: TestDatabase.Engine) async throws {
        try await withMeasuredLog(engine) { log, metrics in
            try await log.append([.counted(1)], to: stream, context: .test())
            try await log.append([StreamAppend([.counted(2)], to: stream)], context: .test())
            #expect(try await log.state(of: stream, in: .default)?.version == 2)
            #expect(try metrics.expectTimer("event.store.append.duration").values.count == 2)
            #expect(try metrics.expectTimer("event.store.replay.duration").values.count == 1)
        }
    }

    @Test("A subscription tells how far it is behind, also when it stands still", arguments: TestDatabase.engines)
    func lag(on engine: TestDatabase.Engine) async throws {
        try await withMeasuredLog(engine) { log, metrics in
            try await log.append((1...10).map { .counted($0) }, to: stream, context: .test())
            let runner = SubscriptionRunner(
                try Subscription("copy", batchMax: 1), database: log.database, metrics: metrics
            ) { events, _ in
                if events.contains(where: { $0.number == 8 }) { throw Refusal() }
            }
            let gauge = try metrics.expectGauge("events.subscription.lag", [("subscription", "copy")])
            let running = Task { try await runner.run() }
            // Before the eighth it stops, with three to go, and tells so as the log grows.
            while try await log.subscriptions().first?.failure == nil { await Task.yield() }
            while gauge.lastValue != 3 { await Task.yield() }
            #expect(gauge.values.first == 10)
            try await log.append([.counted(11)], to: stream, context: .test())
            try await log.resumeSubscription(named: "copy", skippingFailed: true, now: ManualClock().now)
            while gauge.lastValue != 0 { await Task.yield() }
            #expect(try await log.subscription(named: "copy").position == 11)
            running.cancel()
            try await running.value
        }
    }
}
