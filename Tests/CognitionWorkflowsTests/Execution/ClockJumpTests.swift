import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Synchronization
import Testing

/// A clock that runs, and that somebody sets.
private final class SetClock: WallClock {
    private let offset = Mutex(Duration.zero)

    var now: Timestamp { SystemWallClock().now + offset.withLock { $0 } }

    func set(by step: Duration) { offset.withLock { $0 += step } }
}

@Suite("A clock that is set", .timeLimit(.minutes(2))) struct ClockJumpTests {
    private static let hour: Duration = .seconds(3_600)

    /// Calls with `hang` never end by themselves.
    private static func script() -> ScriptedFunction {
        ScriptedFunction { invocation in
            if invocation.arguments["hang"] != nil { try await Task.sleep(for: .seconds(600)) }
        }
    }

    @Test(
        "What waits in memory goes by the time that passes when the clock is set back", arguments: TestDatabase.engines)
    func back(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let clock = SetClock()
            let harness = EngineHarness(database, script: Self.script(), clock: clock)
            let document = workflow(
                """
                - begun:
                    fork:
                      branches:
                        - waits: {wait: PT3S}
                        - hangs:
                            try: [{call: {call: script, with: {hang: 1}, timeout: {after: PT4S}}}]
                            catch: {do: [{late: {call: script, with: {n: 1}}}]}
                        - repeats:
                            try: [{fails: {raise: {error: {type: 'https://example.com/e', status: 400}}}}]
                            catch:
                              retry: {delay: PT2S, limit: {attempt: {count: 1}}}
                              do: [{gives: {set: {n: 0}}}]
                - after: {wait: PT1S}
                - hangs:
                    try: [{call: {call: script, with: {hang: 2}, timeout: {after: PT1S}}}]
                    catch: {do: [{late: {call: script, with: {n: 2}}}]}
                - last: {call: script, with: {n: 3}}
                """)
            try await harness.running {
                let start = ContinuousClock.now
                let id = try await harness.execute(document)
                while harness.script.ledger.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
                // The engine has seen the clock before.
                try await Task.sleep(for: .milliseconds(200))
                clock.set(by: .zero - Self.hour)
                let execution = try await harness.end(of: id)
                let took = ContinuousClock.now - start
                #expect(execution.status == .completed && took > .seconds(5), "\(took)")
                #expect(took < .seconds(60), "\(took)")
                let calls = harness.script.ledger.map { $0.split(separator: " ", maxSplits: 1)[1] }
                #expect(calls == [#"{"hang":1}"#, #"{"n":1}"#, #"{"hang":2}"#, #"{"n":2}"#, #"{"n":3}"#])
                let events = try await harness.events(of: StreamName("execution", id.description))
                #expect(events.map(\.version) == Array(1...Int64(events.count)))
                #expect(events.map(\.position) == events.map(\.position).sorted())
                #expect(events.map(\.time) == events.map(\.time).sorted(), "moments of one execution only grow")
            }
        }
    }

    @Test("A clock that is set forward ends waits at once, and nothing is done twice", arguments: TestDatabase.engines)
    func forward(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let clock = SetClock()
            let harness = EngineHarness(database, script: Self.script(), clock: clock)
            let document = workflow(
                """
                - first: {call: script, with: {n: 1}}
                - long: {wait: PT30M}
                - second: {call: script, with: {n: 2}}
                - short: {wait: PT1S}
                - third: {call: script, with: {n: 3}}
                """)
            try await harness.running {
                let stored = try await harness.workflows.create(
                    harness.workflows.read(document, as: .localOperator), as: .localOperator)
                var ids: [ExecutionID] = []
                for _ in 1...20 { ids.append(try await harness.leave(stored)) }
                // Once all have begun to wait: what begins later goes by the clock as it is then.
                while try await harness.count("SELECT COUNT(*) FROM executions WHERE wake_at > \(clock.now)") < 20 {
                    try await Task.sleep(for: .milliseconds(5))
                }
                clock.set(by: Self.hour)
                while harness.script.ledger.count < 40 { try await Task.sleep(for: .milliseconds(5)) }
                // And right again while they wait for a second.
                clock.set(by: .zero - Self.hour)
                for id in ids { #expect(try await harness.end(of: id).status == .completed) }
                #expect(harness.script.ledger.count == 60)
            }
        }
    }

    @Test("What is waited for, and the deadline of the whole, moves with the clock")
    func machine() throws {
        let (start, step) = (ManualClock().now, Duration.seconds(1_800))
        let definition = try WorkflowDefinition(
            reading: workflow("- a: {wait: PT2H}", extra: "timeout: {after: PT1H}"), context: .testing)
        var machine = ExecutionMachine.start(
            definition, id: UUIDGenerator().next(), input: [:], now: start)
        _ = machine.takeTransition()
        machine.clockWentBack(by: step, now: start + .seconds(60))
        let transition = machine.takeTransition()
        #expect(transition.execution.wakeAt == start + step)
        #expect(transition.execution.paused == .zero - step)
        #expect(transition.tasks[1]?.wakeAt == start + .seconds(7_200) - step)
        machine.passTime(now: start + step - .microseconds(1))
        #expect(machine.status != .faulted)
        machine.passTime(now: start + step)
        #expect(machine.status == .faulted)
    }

    @Test("Only steps back are noticed, and by how much the time that has passed differs from the clock's")
    func watch() {
        var watch = ClockWatch()
        let (wall, instant) = (ManualClock().now, ContinuousClock.now)
        #expect(watch.note(wall, at: instant) == nil)
        #expect(watch.note(wall + .seconds(10), at: instant + .seconds(10)) == nil)
        #expect(watch.note(wall + .seconds(9.9), at: instant + .seconds(10.1)) == nil, "a clock that is kept right")
        #expect(watch.note(wall + Self.hour, at: instant + .seconds(11)) == nil)
        #expect(watch.note(wall + .seconds(12), at: instant + .seconds(12)) == Self.hour - .seconds(11))
        #expect(watch.note(wall + .seconds(13), at: instant + .seconds(13)) == nil)
    }

    @Test("Ids stay in the order in which they were made")
    func ids() {
        let clock = SetClock()
        let generator = UUIDGenerator(clock: clock)
        var made: [UUIDv7] = []
        for step in [Duration.zero, .zero - Self.hour, Self.hour, .zero - Self.hour] {
            clock.set(by: step)
            for _ in 1...5_000 { made.append(generator.next()) }
        }
        #expect(made == made.sorted { ($0.high, $0.low) < ($1.high, $1.low) } && Set(made).count == made.count)
    }
}
