import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

/// Executions that a release left which knew the first two migrations only.
@Suite("Executions of earlier releases", .timeLimit(.minutes(1))) struct UpgradeTests {
    @Test("What had not begun, waited or ran then is brought to its end", arguments: TestDatabase.engines)
    func finish(on engine: TestDatabase.Engine) async throws {
        let before = NodeLease.migrations + EventLog.migrations + Workflows.migrations.prefix(2)
        try await withTestDatabase(engine, migrations: before) { database in
            let ids = UUIDGenerator()
            let (pending, waiting, running): (ExecutionID, ExecutionID, ExecutionID) = (
                ids.next(), ids.next(), ids.next()
            )
            let predecessor: UUIDv7 = ids.next()
            let body = """
                - pause: {wait: {hours: 1}}
                - each:
                    for: {each: item, in: "${ [1, 2] }"}
                    do:
                      - call: {call: script, with: {n: "${ $item }"}}
                - last: {set: {done: true}}
                """
            let text = workflow("old", "1.0.0", body)
            let document = try WorkflowDefinition(
                reading: text, context: .init(of: [ScriptedFunction()])
            ).document.jsonBytes
            try await database.write { tx in
                try tx.execute(
                    """
                    INSERT INTO workflow_names (key, workspace_id, namespace, name, owner, latest_key, created_at, updated_at)
                    VALUES (1, 'default', 'test', 'old', 'operator', 1, 1, 1)
                    """)
                try tx.execute(
                    """
                    INSERT INTO workflows (key, workspace_id, namespace, name, version, hash, document, created_at,
                        created_by, name_key)
                    VALUES (1, 'default', 'test', 'old', '1.0.0', \(SHA256Digest(of: document).bytes), \(document), 1,
                        'operator', 1)
                    """)
                let rows: [(Int64, ExecutionID, ExecutionStatus, UUIDv7?, next: Int)] = [
                    (1, pending, .pending, nil, 1), (2, waiting, .waiting, nil, 2),
                    (3, running, .running, predecessor, 4),
                ]
                for (key, id, status, owner, next) in rows {
                    let started: Int64? = status == .pending ? nil : 6
                    let due: Int64? = owner == nil ? 7 : nil
                    try tx.execute(
                        """
                        INSERT INTO executions (key, id, workspace_id, workflow_key, name_key, status, progress, input,
                            input_hash, next_number, created_by, owner, epoch, claims, wake_at, created_at, started_at)
                        VALUES (\(key), \(id), 'default', 1, 1, \(status), 0, \(Array("{}".utf8)), \([1] as [UInt8]),
                            \(next), 'operator', \(owner), 1, 0, \(due), 5, \(started))
                        """)
                }
                // In the pause whose end has come; and in the first call of the loop, which an end of the process cut off.
                let columns: SQL = """
                    INSERT INTO tasks (id, parent, scope, name, reference, source, status, attempt, started_at, ended_at,
                        output, wake_at, progress, items)
                    """
                let (waiting, running) = (Int64(2) << 20, Int64(3) << 20)
                let nothing: [UInt8]? = nil
                try tx.execute(
                    """
                    \(columns) VALUES (\(waiting | 1), 0, 0, 'pause', '/do/0/pause', 0, 2, 1, 6, NULL, \(nothing), 7,
                        \(nothing), \(nothing))
                    """)
                try tx.execute(
                    """
                    \(columns) VALUES (\(running | 1), 0, 0, 'pause', '/do/0/pause', 0, 10, 1, 6, 7,
                        \(Array("{}".utf8)), NULL, \(nothing), \(nothing))
                    """)
                try tx.execute(
                    """
                    \(columns) VALUES (\(running | 2), 0, 0, 'each', '/do/1/each', 1, 1, 1, 7, NULL, \(nothing), NULL,
                        \(Array("{\"next\": 1}".utf8)), \(Array("[1, 2]".utf8)))
                    """)
                try tx.execute(
                    """
                    \(columns) VALUES (\(running | 3), 2, 0, 'call', '/do/1/each/do/0/call', 0, 1, 1, 8, NULL,
                        \(nothing), NULL, \(nothing), \(nothing))
                    """)
            }
            let clock = ManualClock()
            try await database.migrate(EngineHarness.migrations, now: clock.now)
            let harness = EngineHarness(database, clock: clock)
            try await harness.running {
                for id in [waiting, running] {
                    let execution = try await harness.end(of: id)
                    #expect(execution.status == .completed && execution.output == ["done": true], "\(execution)")
                    #expect(execution.priority == ExecutionPriority.normal)
                    #expect(execution.tasks.map(\.name) == ["pause", "each", "call", "call", "last"])
                }
                while try await harness.workflows.execution(pending, in: .default).status != .waiting {
                    try await Task.sleep(for: .milliseconds(5))
                }
                clock.advance(by: .seconds(3_601))
                #expect(try await harness.end(of: pending).status == .completed)
            }
            #expect(harness.script.ledger.count == 6)
        }
    }
}
