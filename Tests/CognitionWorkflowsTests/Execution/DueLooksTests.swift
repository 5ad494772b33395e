import CognitionCore
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

/// How far back executions are looked for that are due.
@Suite("Looks for what is due", .timeLimit(.minutes(1))) struct DueLooksTests {
    private let start = ManualClock().now

    @Test("Once nothing is left, a look begins shortly before that one, and now and then at the beginning")
    func spans() {
        var looks = DueLooks()
        let first = looks.next(now: start)
        #expect(first == DueSpan(earliest: nil, now: start))
        looks.note(first, leavesNothing: true)

        let second = looks.next(now: start + .seconds(4))
        #expect(second == DueSpan(earliest: start - DueLooks.slack, now: start + .seconds(4)))
        looks.note(second, leavesNothing: true)
        // One that begins later says nothing of what was before.
        #expect(looks.next(now: start + .milliseconds(4_999)).earliest == start - DueLooks.slack)
        #expect(looks.next(now: start + DueLooks.pause).earliest == nil)
        #expect(looks.next(now: start - .seconds(1)).earliest == nil, "a clock that was put back")
    }

    @Test("While something is left, each look begins at the beginning")
    func backlog() {
        var looks = DueLooks()
        looks.note(looks.next(now: start), leavesNothing: true)
        looks.note(looks.next(now: start + .seconds(1)), leavesNothing: false)
        let third = looks.next(now: start + .seconds(2))
        #expect(third.earliest == nil)
        looks.note(third, leavesNothing: false)
        let fourth = looks.next(now: start + .seconds(3))
        #expect(fourth.earliest == nil)
        looks.note(fourth, leavesNothing: true)
        #expect(looks.next(now: start + .seconds(4)).earliest == start + .seconds(3) - DueLooks.slack)
    }

    @Test(
        "What is due since long, and was not there to be found, is claimed all the same",
        arguments: TestDatabase.engines)
    func late(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let clock = ManualClock()
            let harness = EngineHarness(database, clock: clock)
            try await harness.running {
                _ = try await harness.execute(workflow("waiting", "1.0.0", "- a: {wait: PT1H}"))
                while try await harness.count("SELECT COUNT(*) FROM executions WHERE owner IS NULL AND wake_at > 0")
                    != 1
                {
                    try await Task.sleep(for: .milliseconds(2))
                }
                let epoch = try await harness.count("SELECT epoch FROM executions")
                let past = clock.now - .seconds(60)
                try await database.write { try $0.execute("UPDATE executions SET wake_at = \(past)") }
                clock.advance(by: DueLooks.pause)
                while try await harness.count("SELECT epoch FROM executions") == epoch {
                    try await Task.sleep(for: .milliseconds(2))
                }
            }
        }
    }
}
