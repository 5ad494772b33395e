import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct RepeatTests {
    private let stream = StreamName("order", "1")
    private let ids: [UUIDv7] = {
        let generator = UUIDGenerator()
        return (0..<600).map { _ in generator.next() }
    }()

    @Test("The same events again answer their places and write nothing", arguments: TestDatabase.engines)
    func repeated(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            try await log.append([.counted(0)], to: stream, context: .test())
            let events = [NewEvent.counted(1, id: ids[1]), .counted(2, id: ids[2])]
            let first = try await log.append(events, to: stream, expecting: .exact(1), context: .test())
            #expect(!first.isRepeat)
            // Also with an expectation that held then, and another actor and time.
            var context = EventContext.test(time: Timestamp(microseconds: 5))
            context.actor = "another"
            for _ in 0..<2 {
                let again = try await log.append(events, to: stream, expecting: .exact(1), context: context)
                #expect(again.isRepeat && again.versions == [2, 3] && again.positions == [2, 3])
                #expect(again.eventIDs == [ids[1], ids[2]])
            }
            #expect(try await log.append([events[1]], to: stream, context: .test()).positions == [3])
            #expect(try await log.head() == 3)
            #expect(try await log.readStream(stream, workspace: .default).version == 3)
        }
    }

    @Test("An id that stands for another event is refused", arguments: TestDatabase.engines)
    func reused(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let event = NewEvent.counted(1, id: ids[1])
            try await log.append([event], to: stream, context: .test())
            func append(
                _ events: [NewEvent], to stream: StreamName = StreamName("order", "1"), workspace: String = "default"
            ) async -> String? {
                await code { try await log.append(events, to: stream, context: .test(workspace: workspace)) }
            }
            let reused = "event.id_reused"
            #expect(await append([.counted(2, id: ids[1])]) == reused)
            #expect(await append([NewEvent("other.happened", data: ["number": 1], id: ids[1])]) == reused)
            #expect(await append([NewEvent("test.happened", data: ["number": 1], id: ids[1], subject: "s")]) == reused)
            #expect(await append([event], to: StreamName("order", "2")) == reused)
            #expect(await append([event], workspace: "other") == reused)
            #expect(await append([event, .counted(2, id: ids[2])]) == reused)
            #expect(await append([.counted(2, id: ids[2]), event]) == reused)
            #expect(await append([event, .counted(2)]) == reused)
            #expect(await append([.counted(2, id: ids[2]), .counted(2, id: ids[2])]) == reused)
            #expect(try await log.head() == 1)
            #expect(try await log.count("SELECT count(*) FROM streams") == 1)
        }
    }

    @Test("Repeats within one round are recognised before they have a position", arguments: TestDatabase.engines)
    func repeatedInOneRound(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine, writers: 1) { log in
            let (a, b) = (NewEvent.counted(1, id: ids[1]), NewEvent.counted(2, id: ids[2]))
            try await log.append([a], to: stream, context: .test())
            func start(_ events: [NewEvent], fails: Bool = false) -> Task<AppendReceipt, any Error> {
                log.database.startWrite { tx in
                    let receipt = try tx.append(events, to: StreamName("order", "1"), context: .test())
                    if fails { throw Refusal() }
                    return receipt
                }
            }
            var writes: [Task<AppendReceipt, any Error>] = []
            try await log.database.holdingWriter {
                writes.append(start([.counted(0)]))
                // What is undone with its request must not be taken for written.
                writes.append(start([b], fails: true))
                writes.append(start([b]))
                writes.append(start([b], fails: true))
                writes.append(start([b]))
                writes.append(start([a, b]))
                writes.append(start([b, .counted(3, id: ids[3])]))
                writes.append(start([.counted(7, id: ids[2])]))
                writes.append(start([.counted(3, id: ids[3])]))
            }
            var outcomes: [String] = []
            for write in writes {
                switch await write.result {
                case .success(let receipt):
                    outcomes.append("\(receipt.versions) \(receipt.positions) \(receipt.isRepeat)")
                case .failure(let error): outcomes.append((error as? EventError)?.code.name ?? "\(error)")
                }
            }
            #expect(
                outcomes == [
                    "[2] [2] false", "Refusal()", "[3] [3] false", "Refusal()", "[3] [3] true", "[1, 3] [1, 3] true",
                    "event.id_reused", "event.id_reused", "[4] [4] false",
                ])
            #expect(try await log.verifyAll().problems == [])
        }
    }

    @Test("Many who send the same event at once get one place", arguments: TestDatabase.engines)
    func racing(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let places = try await withThrowingTaskGroup(of: (Int, [Int64]).self) { group in
                for task in 0..<64 {
                    group.addTask {
                        let event = NewEvent.counted(task % 8, id: ids[task % 8])
                        return (task % 8, try await log.append([event], to: stream, context: .test()).positions)
                    }
                }
                return try await group.reduce(into: [Int: Set<[Int64]>]()) { $0[$1.0, default: []].insert($1.1) }
            }
            #expect(places.count == 8 && places.values.allSatisfy { $0.count == 1 })
            #expect(try await log.head() == 8)
        }
    }

    @Test("Large repeats are looked up in pieces", arguments: TestDatabase.engines)
    func manyIDs(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            for count in [2, 17, 600] {
                let stream = StreamName("order", "\(count)")
                let generator = UUIDGenerator()
                let events = (0..<count).map { NewEvent.counted($0, id: generator.next()) }
                let first = try await log.append(events, to: stream, context: .test())
                let again = try await log.append(events, to: stream, context: .test())
                #expect(again.isRepeat && again.positions == first.positions && again.versions == first.versions)
                let mixed = events + [.counted(count, id: generator.next())]
                #expect(await code { try await log.append(mixed, to: stream, context: .test()) } == "event.id_reused")
            }
            #expect(try await log.head() == 619)
        }
    }
}
