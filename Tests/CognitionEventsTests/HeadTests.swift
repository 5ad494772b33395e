import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Testing

/// Logs that earlier builds have written.
@Suite struct HeadTests {
    @Test("A log that an earlier build has begun goes on behind its last event", arguments: TestDatabase.engines)
    func begunEarlier(on engine: TestDatabase.Engine) async throws {
        let earlier = EventLog.migrations.filter { $0.name < "events.005" }
        try await withTestDatabase(engine, migrations: earlier) { database in
            let log = EventLog(database)
            for number in 1...3 { #expect(try await log.appendFormerly(number) == Int64(number)) }
            try await database.migrate(EventLog.migrations, now: ManualClock().now)
            #expect(try await log.head() == 3)
            let receipt = try await log.append([.counted(4)], to: StreamName("order", "1"), context: .test())
            #expect(receipt.positions == [4])
            #expect(try await log.verifyAll().problems == [])
        }
        try await withTestDatabase(engine, migrations: earlier) { database in
            try await database.migrate(EventLog.migrations, now: ManualClock().now)
            #expect(try await EventLog(database).head() == 0)
        }
    }
}

extension EventLog {
    /// - Returns: The position.
    fileprivate func appendFormerly(
        _ number: Int, to stream: StreamName = StreamName("order", "1")
    ) async throws -> Int64 {
        let data = JSONValue.object(["number": .integer(Int64(number))]).jsonBytes
        let id = UUIDGenerator().next() as UUIDv7
        return try await database.write { tx in
            let place = try tx.first(
                """
                INSERT INTO streams (workspace_id, type, id, version) VALUES ('default', \(stream.type), \(stream.id), 1)
                ON CONFLICT (workspace_id, type, id) DO UPDATE SET version = streams.version + excluded.version
                RETURNING key, version
                """
            ) { (key: try $0[0] as Int64, version: try $0[1] as Int64) }
            let position = try tx.first(
                "UPDATE log_head SET position = position + 1 WHERE id = 1 RETURNING position"
            ) { try $0[0] as Int64 }
            guard let place, let position else { throw Refusal() }
            let bytes = withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { Array($0) }
            try tx.execute(
                """
                INSERT INTO events (
                    position, stream_key, version, event_id, type, type_version, time, actor, data, data_hash
                ) VALUES (
                    \(position), \(place.key), \(place.version), \(bytes), 'test.happened', 1, 0, 'tester', \(data),
                    \(SHA256Digest(of: data).bytes))
                """)
            return position
        }
    }
}
