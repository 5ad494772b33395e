import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct PayloadTests {
    private let small = [UInt8](repeating: 7, count: PayloadStore.inlineBytesMax)
    private let large = [UInt8](repeating: 7, count: PayloadStore.inlineBytesMax + 1)

    @Test("Large bytes are stored once per workspace and go with their last reference", arguments: TestDatabase.engines)
    func references(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let (a, b) = (WorkspaceID("a"), WorkspaceID("b"))
            let payload = try await log.database.write { tx in
                #expect(try PayloadStore.store(small, workspace: a, in: tx) == .inline(small))
                let first = try PayloadStore.store(large, workspace: a, in: tx)
                #expect(try PayloadStore.store(large, workspace: a, in: tx) == first)
                #expect(try PayloadStore.store(large, workspace: b, in: tx) == first)
                try PayloadStore.retain(first, workspace: a, in: tx)
                return first
            }
            #expect(payload == .reference(SHA256Digest(of: large)))
            #expect(try await references(in: log) == [3, 1])
            #expect(try await log.database.read { try PayloadStore.load(payload, workspace: b, in: $0) } == large)
            try await log.database.write { tx in
                for _ in 0..<2 { try PayloadStore.release(payload, workspace: a, in: tx) }
                try PayloadStore.release(.inline(small), workspace: a, in: tx)
            }
            #expect(try await references(in: log) == [1, 1])
            try await log.database.write { try PayloadStore.release(payload, workspace: a, in: $0) }
            #expect(try await references(in: log) == [1])
            let release = await code {
                try await log.database.write { try PayloadStore.release(payload, workspace: a, in: $0) }
            }
            #expect(release == "event.damaged")
            let retain = await code {
                try await log.database.write { try PayloadStore.retain(payload, workspace: a, in: $0) }
            }
            #expect(retain == "event.damaged")
            let load = await code {
                _ = try await log.database.read { try PayloadStore.load(payload, workspace: a, in: $0) }
            }
            #expect(load == "event.damaged")
            // Storing it anew begins anew.
            _ = try await log.database.write { try PayloadStore.store(large, workspace: a, in: $0) }
            #expect(try await references(in: log) == [1, 1])
        }
    }

    @Test("A pair of columns gives back what was put in", arguments: TestDatabase.engines)
    func columns(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            try await log.execute(
                "CREATE TABLE held (id \(fragment: .int64), data \(fragment: .bytes), sha256 \(fragment: .bytes))")
            for (id, bytes) in [[], small, large].enumerated() {
                try await log.database.write { tx in
                    let payload = try PayloadStore.store(bytes, workspace: .default, in: tx)
                    try tx.execute("INSERT INTO held VALUES (\(id), \(payload.inlineBytes), \(payload.reference))")
                }
            }
            try await log.execute("INSERT INTO held VALUES (3, NULL, NULL)")
            let held = try await log.database.read { tx in
                try tx.query("SELECT data, sha256 FROM held ORDER BY id") { try StoredPayload($0, at: 0) }
                    .map { try $0.map { try PayloadStore.load($0, workspace: .default, in: tx) } }
            }
            #expect(held == [[], small, large, nil])
        }
    }

    @Test(
        "Events with large data share one payload, and one undone holds no reference", arguments: TestDatabase.engines)
    func events(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let stream = StreamName("order", "1")
            let text = String(repeating: "ü", count: 40_000)
            let event = NewEvent("document.was_read", data: ["text": .string(text)])
            try await log.append([event, .counted(1), event], to: stream, context: .test())
            try await log.append([event], to: stream, context: .test(workspace: "b"))
            #expect(
                await code {
                    try await log.database.write { tx in
                        try tx.append([event], to: stream, context: .test())
                        throw Refusal()
                    }
                } == "Refusal()")
            #expect(try await references(in: log) == [2, 1])
            #expect(try await log.count("SELECT count(*) FROM events WHERE data IS NULL") == 3)
            let events = try await log.all()
            #expect(events.map { $0.data["text"]?.stringValue == text } == [true, false, true, true])
            #expect(try await log.verifyAll().problems == [])
        }
    }

    @Test(
        "A page ends before it holds too many bytes, and the next goes on",
        arguments: [TestDatabase.Engine.sqliteMemory])
    func pagesAreBounded(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let data = JSONValue.string(String(repeating: "x", count: 7 << 20))
            let events = [NewEvent.counted(0)] + (0..<4).map { _ in NewEvent("a.b", data: data) }
            try await log.append(events, to: StreamName("order", "1"), context: .test())
            let first = try await log.readAll()
            #expect(first.events.count == 4 && first.position == 4 && !first.isAtEnd)
            let second = try await log.readAll(after: first.position)
            #expect(second.events.count == 1 && second.isAtEnd)
            let page = try await log.readStream(StreamName("order", "1"), workspace: .default)
            #expect(page.events.count == 4 && page.version == 5)
        }
    }

    private func references(in log: EventLog) async throws -> [Int] {
        try await log.database.read { tx in
            try tx.query("SELECT refs FROM payloads ORDER BY workspace_id = 'b', refs") { try $0[0] as Int }
        }
    }
}
