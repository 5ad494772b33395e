import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct AppendTests {
    private let stream = StreamName("order", "1")

    @Test("Versions are known inside the body, positions when write returns", arguments: TestDatabase.engines)
    func receipts(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let first = try await log.append([.counted(1), .counted(2)], to: stream, context: .test())
            #expect(first.versions == [1, 2])
            #expect(first.positions == [1, 2])
            let (second, third) = try await log.database.write { tx in
                let second = try tx.append([.counted(3)], to: stream, context: .test())
                let third = try tx.append([.counted(4)], to: StreamName("order", "2"), context: .test())
                #expect(try tx.versions(of: second) == [3])
                #expect(try tx.versions(of: third) == [1])
                return (second, third)
            }
            #expect(second.positions == [3])
            #expect(third.positions == [4])
            #expect(try await log.head() == 4)
            let events = try await log.all()
            #expect(events.map(\.id) == first.eventIDs + second.eventIDs + third.eventIDs)
            #expect(Set(events.map(\.id)).count == 4)
        }
    }

    @Test("The whole envelope is read back, and sent with its names", arguments: TestDatabase.engines)
    func envelope(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let id = UUIDGenerator().next()
            let data: JSONValue = ["b": 1, "a": [true, .null, "é\u{0}"], "c": .literal("1.10")]
            var context = EventContext.test(workspace: "w1")
            context.causationID = "cause"
            context.correlationID = "request"
            context.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let event = NewEvent(
                "order.was_placed", data: data, id: id, typeVersion: 3, subject: "user:1", keyID: "k1")
            try await log.append([event], to: StreamName("order", "ä/1"), context: context)
            let read = try #require(try await log.all().first)
            #expect(read.stream == StreamName("order", "ä/1") && read.workspace == WorkspaceID("w1"))
            #expect(read.id == id && read.type == "order.was_placed" && read.typeVersion == 3)
            #expect(read.actor == "tester" && read.time == context.time)
            #expect(read.dataHash == SHA256Digest(of: data.jsonBytes))
            #expect(
                read.json.jsonText == """
                    {"position":1,"workspace_id":"w1","stream_type":"order","stream_id":"ä/1","version":1,\
                    "event_id":"\(id)","type":"order.was_placed","type_version":3,"time":"2026-01-01T00:00:00.000000Z",\
                    "actor":"tester","causation_id":"cause","correlation_id":"request",\
                    "traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","subject":"user:1",\
                    "key_id":"k1","data":{"b":1,"a":[true,null,"é\\u0000"],"c":1.10},"data_hash":"\(read.dataHash)"}
                    """)
            try await log.append([.counted(1)], to: stream, context: .test())
            let bare = try #require(try await log.all().last?.json.objectValue)
            #expect(!bare.keys.contains("subject") && !bare.keys.contains("causation_id"))
        }
    }

    @Test(
        "An append that expects another version changes nothing and says which there is",
        arguments: TestDatabase.engines)
    func conflicts(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            func append(_ expected: ExpectedVersion) async throws(EventError) -> [Int64] {
                do {
                    return try await log.append([.counted(0)], to: stream, expecting: expected, context: .test())
                        .versions
                } catch let error as EventError {
                    throw error
                } catch {
                    Issue.record(error)
                    return []
                }
            }
            func conflict(_ expected: ExpectedVersion) async -> Int64? {
                do {
                    _ = try await append(expected)
                    return nil
                } catch {
                    #expect(error.code.name == "event.version_conflict" && error.category == .conflict)
                    return error.actualVersion
                }
            }
            #expect(await conflict(.exact(1)) == 0)
            #expect(try await append(.exact(0)) == [1])
            #expect(await conflict(.none) == 1)
            #expect(await conflict(.exact(0)) == 1)
            #expect(await conflict(.exact(2)) == 1)
            #expect(await conflict(.exact(-1)) == 1)
            #expect(try await append(.exact(1)) == [2])
            #expect(try await append(.any) == [3])
            #expect(try await log.head() == 3)
            // A body may go on after a conflict: the stream is as it was.
            let receipt = try await log.database.write { tx in
                do {
                    try tx.append([.counted(0)], to: stream, expecting: .exact(7), context: .test())
                } catch let error as EventError {
                    return try tx.append(
                        [.counted(0)], to: stream, expecting: .exact(error.actualVersion ?? -1), context: .test())
                }
                throw Refusal()
            }
            #expect(receipt.versions == [4] && receipt.positions == [4])
            #expect(try await log.verifyAll().problems == [])
        }
    }

    @Test("The same stream name in two workspaces is two streams", arguments: TestDatabase.engines)
    func workspaces(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            for name in ["a", "b", "a"] {
                try await log.append([.counted(0)], to: stream, context: .test(workspace: name))
            }
            #expect(try await log.readStream(stream, workspace: WorkspaceID("a")).events.map(\.position) == [1, 3])
            #expect(try await log.readStream(stream, workspace: WorkspaceID("b")).events.map(\.position) == [2])
        }
    }

    @Test(
        "Names, texts and sizes outside their bounds are refused, and those on them taken",
        arguments: TestDatabase.engines)
    func limits(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            func append(_ events: [NewEvent], _ stream: StreamName = StreamName("order", "1")) async -> String? {
                await code { try await log.append(events, to: stream, context: .test()) }
            }
            let longest = String(repeating: "x", count: 200)
            for stream in [StreamName("o", "1"), StreamName("order_2", longest), StreamName("order", "ä b/ü")] {
                #expect(await append([.counted(1)], stream) == nil)
            }
            let badStreams = [
                StreamName("", "1"), StreamName("Order", "1"), StreamName("2x", "1"), StreamName("a.b", "1"),
                StreamName(String(repeating: "a", count: 64), "1"), StreamName("order", ""),
                StreamName("order", longest + "x"),
                StreamName("order", "a\u{0}"), StreamName("order", "a\nb"),
            ]
            for stream in badStreams { #expect(await append([.counted(1)], stream) == "event.invalid") }
            for type in ["a.b", "a1_.b.2", "a." + longest.prefix(198)] {
                #expect(await append([NewEvent(type)]) == nil)
            }
            for type in [
                "", "a", "a.", ".a", "a..b", "1.a", "A.b", "a.B", "a-b.c", "a b.c", "a." + longest.prefix(199),
            ] {
                #expect(await append([NewEvent(type)]) == "event.invalid", "\(type)")
            }
            #expect(await append([]) == "event.invalid")
            #expect(await append([NewEvent("a.b", typeVersion: 0)]) == "event.invalid")
            #expect(await append([NewEvent("a.b", subject: "")]) == "event.invalid")
            #expect(await append([NewEvent("a.b", keyID: longest + "x")]) == "event.invalid")
            var context = EventContext.test()
            context.actor = ""
            #expect(await code { try await log.append([.counted(1)], to: stream, context: context) } == "event.invalid")
            #expect(await append(Array(repeating: .counted(1), count: 10_001)) == "event.invalid")
            let head = try await log.head()
            #expect(await append(Array(repeating: .counted(1), count: 10_000)) == nil)
            #expect(try await log.head() == head + 10_000)
        }
    }

    @Test(
        "Data is refused when it is too large or too deep to be read again",
        arguments: [TestDatabase.Engine.sqliteMemory])
    func dataLimits(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            func append(_ data: JSONValue, count: Int = 1) async -> String? {
                let event = NewEvent("a.b", data: data)
                return await code {
                    try await log.append(Array(repeating: event, count: count), to: stream, context: .test())
                }
            }
            func nested(_ depth: Int) -> JSONValue {
                (1..<depth).reduce(JSONValue.array([.string("]]\"[[")])) { value, _ in .array([value]) }
            }
            // The quotes count as well.
            #expect(await append(.string(String(repeating: "x", count: (8 << 20) - 2))) == nil)
            #expect(await append(.string(String(repeating: "x", count: (8 << 20) - 1))) == "event.too_large")
            #expect(await append(.string(String(repeating: "x", count: 7 << 20)), count: 10) == "event.too_large")
            #expect(await append(nested(512)) == nil)
            #expect(await append(nested(513)) == "event.invalid")
            let stored = try await log.all()
            #expect(stored.count == 2)
        }
    }
}
