import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Metrics
import MetricsTestKit
import Synchronization
import Testing

@Suite("Events that leave the database", .timeLimit(.minutes(3))) struct ArchiveTests {
    private let large = NewEvent("order.noted", data: .string(String(repeating: "x", count: 40_000)))

    /// Positions 1...60 go round the streams 0...4, in two workspaces, with a payload in three events; 61...65 are 39 days younger.
    private func withOldLog(
        _ engine: TestDatabase.Engine, _ body: (EventLog, Shelf, [Event]) async throws -> Void
    ) async throws {
        try await withLog(engine) { log in
            try await fill(log)
            let shelf = Shelf()
            try await body(log.with(shelf), shelf, try await log.all())
        }
    }

    private func fill(_ log: EventLog) async throws {
        let clock = ManualClock()
        for number in 0..<65 {
            if number == 60 { clock.advance(by: .seconds(39 * 86_400)) }
            let event = number % 25 == 3 ? large : number % 2 == 0 ? .counted(number) : .noted(number)
            let context = EventContext.test(workspace: number % 5 == 4 ? "lab" : "default", time: clock.now)
            try await log.append([event], to: StreamName("order", "\(number % 5)"), context: context)
        }
    }

    @Test(
        "What is older than its rule lies in files, once, and whoever reads sees no difference",
        arguments: TestDatabase.engines)
    func reading(on engine: TestDatabase.Engine) async throws {
        try await withOldLog(engine) { log, shelf, before in
            #expect(try await log.archive(after: 29) == 0 && shelf.names.isEmpty)
            #expect(try await log.archive(eventsMax: 25) == 60)
            #expect(try await log.count("SELECT count(*) FROM events") == 5)
            #expect(try await log.count("SELECT count(*) FROM payloads") == 0)
            #expect(try shelf.events() == before.prefix(60).map(\.json))
            #expect(shelf.names.count == 3)
            #expect(try await log.whole() == before)
            let report = try await log.verifyAll()
            #expect(report.events == 5 && report.archived == 60 && report.streams == 5)
            for limit in [1, 3, 7, 1_000] {
                #expect(try await log.all(limit: limit) == before)
                #expect(try await log.backward(limit: limit) == before.reversed())
            }
            var tail = log.tail(after: 0, pageMax: 9).makeAsyncIterator()
            for event in before { #expect(try await tail.next() == event) }
            // Nothing more is due.
            #expect(try await log.archive() == 0)
        }
    }

    @Test("Filters, streams and their states are the same as before", arguments: TestDatabase.engines)
    func filters(on engine: TestDatabase.Engine) async throws {
        try await withOldLog(engine) { log, shelf, before in
            func seen() async throws -> [[Event]] {
                var lists: [[Event]] = []
                for filter in filters {
                    for limit in [2, 1_000] {
                        lists += [
                            try await log.all(filter: filter, limit: limit),
                            try await log.backward(filter: filter, limit: limit),
                        ]
                    }
                }
                for number in 0..<5 {
                    let stream = StreamName("order", "\(number)")
                    let workspace = WorkspaceID(number == 4 ? "lab" : "default")
                    for limit in [1, 5, 1_000] {
                        for direction in ReadDirection.allCases {
                            lists.append(try await log.stream(stream, workspace, direction, limit: limit))
                        }
                    }
                }
                return lists
            }
            func states() async throws -> [JSONValue] {
                let stream = StreamName("order", "3")
                let changes = try #require(try await log.changes(of: stream, in: .default, from: 4, to: 9))
                let time = before[30].time
                return [
                    try await log.state(of: stream, in: .default)?.state.snapshot ?? .null,
                    try await log.state(of: stream, in: .default, at: .version(5))?.state.snapshot ?? .null,
                    try await log.state(of: stream, in: .default, at: .time(time))?.state.snapshot ?? .null,
                    changes.before.state.snapshot, changes.after.state.snapshot,
                    .integer(Int64(try await log.provenance(of: stream, in: .default).count)),
                ]
            }
            let (lists, folded) = (try await seen(), try await states())
            #expect(try await log.archive(eventsMax: 11) == 60)
            #expect(try await seen() == lists)
            #expect(try await states() == folded)
            #expect(try await log.readStream(StreamName("order", "9"), workspace: .default).version == 0)
        }
    }

    private var filters: [EventFilter] {
        let day = ManualClock().now + .seconds(86_400)
        return [
            EventFilter(workspace: .default), EventFilter(workspace: WorkspaceID("lab"), types: ["order.noted"]),
            EventFilter(types: ["test.happened"]), EventFilter(streamType: "invoice"),
            EventFilter(workspace: .default, stream: StreamName("order", "3")), EventFilter(since: day),
            EventFilter(workspace: .default, since: ManualClock().now), EventFilter(hiddenStreamTypes: ["order"]),
        ]
    }

    @Test("Rules are for types, and what stays of a stream has no gaps", arguments: TestDatabase.engines)
    func rules(on engine: TestDatabase.Engine) async throws {
        try await withOldLog(engine) { log, shelf, before in
            // Types take turns in every stream, so that one that has no rule holds those after it.
            #expect(try await log.archive(["test.*=30d"], eventsMax: 4) == 3)
            #expect(try await log.whole() == before)
            let left = try await log.query(
                "SELECT s.id, min(e.version) FROM events e JOIN streams s ON s.key = e.stream_key GROUP BY s.id")
            #expect(left == ["0": 2, "1": 1, "2": 2, "3": 1, "4": 2])
            // Later rules reach what is left, over files that have some of the same range.
            #expect(try await log.archive(["test.*=30d", "order.noted=35d"], eventsMax: 13) == 57)
            #expect(try await log.whole() == before)
            for limit in [1, 6] {
                #expect(try await log.all(limit: limit) == before)
                #expect(try await log.backward(limit: limit) == before.reversed())
            }
            #expect(try await log.archive(["*=1d"], after: 60) == 5)
            #expect(try await log.whole() == before)
            #expect(try await log.verifyAll().events == 0)
            #expect(try await log.backward(limit: 7) == before.reversed())
        }
    }

    @Test("Files are filled, or wait a day for more", arguments: TestDatabase.engines)
    func patience(on engine: TestDatabase.Engine) async throws {
        try await withOldLog(engine) { log, shelf, _ in
            for (hours, count) in [(30 * 24, 0), (30 * 24 + 1, 50), (31 * 24 - 1, 0), (31 * 24, 10)] {
                let clock = ManualClock()
                clock.advance(by: .seconds(hours * 3_600))
                let archived = try await EventArchiver(
                    log, retention: EventRetention(["*=30d"]), owner: UUIDGenerator().next(), wallClock: clock,
                    eventsMax: 50
                ).archiveDue()
                #expect(archived == count)
            }
            #expect(shelf.names.count == 2)
        }
    }

    @Test(
        "Versions go on, expectations count, and an id of an event that has left is a new one",
        arguments: TestDatabase.engines)
    func appending(on engine: TestDatabase.Engine) async throws {
        try await withOldLog(engine) { log, _, before in
            try await log.archive(["*=1d"], after: 60)
            let stream = StreamName("order", "0")
            let receipt = try await log.append([.counted(1)], to: stream, expecting: .exact(13), context: .test())
            #expect(receipt.versions == [14] && receipt.positions == [66])
            #expect(
                await code { try await log.append([.counted(1)], to: stream, expecting: .none, context: .test()) }
                    == "event.version_conflict")
            let again = NewEvent("test.happened", data: before[0].data, id: before[0].id)
            #expect(try await log.append([again], to: stream, context: .test()).versions == [15])
            let page = try await log.readStream(stream, workspace: .default, fromVersion: 12)
            #expect(page.version == 15 && page.events.map(\.version) == [12, 13, 14, 15])
            #expect(try await log.verifyAll().problems == [])
        }
    }

    @Test("What its owner needs stays", arguments: TestDatabase.engines)
    func keepers(on engine: TestDatabase.Engine) async throws {
        try await withOldLog(engine) { log, _, before in
            let some: EventArchiver.Keeper = { ids, _ in Set(ids).intersection(["1", "2"]) }
            let archived = try await log.archive(keepers: ["order": some])
            #expect(archived == 36)
            #expect(try await log.whole() == before)
            let kept: SQL = """
                SELECT count(*) FROM events e JOIN streams s ON s.key = e.stream_key WHERE s.id IN ('1', '2')
                """
            #expect(try await log.count(kept) == 26)
            let invoices: EventArchiver.Keeper = { ids, _ in Set(ids) }
            // What was held is looked at again once a day, or by other rules.
            #expect(try await log.archive(keepers: ["invoice": invoices]) == 0)
            #expect(try await log.archive(after: 42, keepers: ["invoice": invoices]) == 24)
            #expect(try await log.whole() == before)
        }
    }

    @Test(
        "A round goes on where the one before has looked up to, unless the rules are others",
        arguments: TestDatabase.engines)
    func places(on engine: TestDatabase.Engine) async throws {
        try await withOldLog(engine) { log, _, before in
            let some: EventArchiver.Keeper = { ids, _ in Set(ids).intersection(["1", "2"]) }
            let old = before.count { $0.position <= 60 }
            let archived = try await log.archive(["*=30d"], keepers: ["order": some])
            // The first that was too young is looked at again.
            #expect(try await log.count("SELECT looked_position FROM event_archiving") == 60)
            #expect(try await log.archive(["*=30d"]) == 0)
            #expect(try await log.archive(["*=29d"]) == old - archived)
            #expect(try await log.whole() == before)
        }
    }

    @Test(
        "An event that is damaged stays, and so does what comes after it, until it is mended",
        arguments: TestDatabase.engines)
    func damagedEvent(on engine: TestDatabase.Engine) async throws {
        try await withOldLog(engine) { log, shelf, before in
            try await log.execute("UPDATE events SET data = \(Array("{}".utf8)) WHERE position = 31")
            #expect(await code { try await log.archive(eventsMax: 10) } == "event.damaged")
            #expect(try await log.verifyAll().problems == [.dataChanged(position: 31)])
            #expect(try await log.verifyAll().archived == 30)
            try await log.execute("UPDATE events SET data = \(before[30].data.jsonBytes) WHERE position = 31")
            try await log.execute("UPDATE event_archiving SET owned_until = 0")
            #expect(try await log.archive(eventsMax: 10) == 30)
            #expect(try await log.whole() == before)
        }
    }

    @Test("Payloads that others need as well stay", arguments: TestDatabase.engines)
    func payloads(on engine: TestDatabase.Engine) async throws {
        try await withOldLog(engine) { log, _, _ in
            try await log.append(
                [large], to: StreamName("order", "7"), context: .test(time: ManualClock().now + .seconds(39 * 86_400)))
            let before = try await log.all()
            try await log.archive()
            #expect(try await log.count("SELECT CAST(refs AS BIGINT) FROM payloads") == 1)
            #expect(try await log.whole() == before)
        }
    }

    @Test(
        "Whatever rules let go of, whoever reads sees all of it, in pages of any size", arguments: TestDatabase.engines,
        [UInt64(1), 2])
    func chance(on engine: TestDatabase.Engine, seed: UInt64) async throws {
        try await withLog(engine) { plain in
            let log = plain.with(Shelf())
            var random = SplitMix64(seed: seed)
            let clock = ManualClock()
            for _ in 0..<4 {
                for number in 0..<Int.random(in: 20...40, using: &random) {
                    clock.advance(by: .seconds(3_600 * Int.random(in: 0...20, using: &random)))
                    let type = ["a.one", "a.two", "b.one", "b.two.three"].randomElement(using: &random) ?? ""
                    let large = Int.random(in: 0..<20, using: &random) == 0
                    let data: JSONValue =
                        large ? .string(String(repeating: "x", count: 33_000)) : ["n": .integer(Int64(number))]
                    try await log.append(
                        [NewEvent(type, data: data)],
                        to: StreamName("order", "\(Int.random(in: 0..<6, using: &random))"),
                        context: .test(
                            workspace: Bool.random(using: &random) ? "default" : "lab", time: clock.now))
                }
                let before = try await log.whole()
                let rules = ["a.one=", "a.*=", "b.*=", "b.two.*="].filter { _ in Bool.random(using: &random) }.map {
                    $0 + "\(Int.random(in: 1...40, using: &random))d"
                }
                try await EventArchiver(
                    log, retention: EventRetention(rules), owner: UUIDGenerator().next(), wallClock: clock,
                    eventsMax: Int.random(in: 1...30, using: &random)
                ).archiveDue()
                #expect(try await log.whole() == before, "seed \(seed): \(rules)")
                for _ in 0..<3 {
                    let limit = Int.random(in: 1...40, using: &random)
                    let since = before.randomElement(using: &random)?.time
                    for filter in [
                        EventFilter.all, EventFilter(types: ["a.one", "b.two.three"]), EventFilter(since: since),
                        EventFilter(workspace: WorkspaceID("lab"), stream: StreamName("order", "3")),
                    ] {
                        let wanted = before.filter { event in
                            (filter.types?.contains(event.type) ?? true) && event.time >= filter.since ?? event.time
                                && (filter.stream == nil
                                    || event.stream == filter.stream && event.workspace == filter.workspace)
                        }
                        #expect(try await log.all(filter: filter, limit: limit) == wanted, "seed \(seed)")
                        #expect(
                            try await log.backward(filter: filter, limit: limit) == wanted.reversed(), "seed \(seed)")
                    }
                }
            }
        }
    }

    @Test("What is archived is counted", arguments: [TestDatabase.Engine.sqliteMemory])
    func metrics(on engine: TestDatabase.Engine) async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            try await withOldLog(engine) { log, shelf, _ in
                try await log.archive(eventsMax: 25)
                #expect(metrics.counterTotal(label: "events.archived") == 60)
                let bytes = shelf.files.withLock {
                    $0.filter { $0.key.hasSuffix(".gz") }.reduce(0) { $0 + $1.value.count }
                }
                #expect(metrics.counterTotal(label: "events.archive.bytes") == Int64(bytes))
                #expect(try metrics.expectGauge("events.oldest.age").lastValue == 86_400)
            }
        }
    }
}

extension NewEvent {
    static func noted(_ number: Int) -> NewEvent {
        NewEvent("order.noted", data: ["number": .integer(Int64(number)), "at": ["n": .integer(Int64(number % 7))]])
    }
}

extension EventLog {
    /// The whole log, towards its beginning.
    func backward(filter: EventFilter = .all, limit: Int) async throws -> [Event] {
        var events: [Event] = []
        var position: Int64?
        while true {
            let page = try await readAll(before: position, limit: limit, filter: filter)
            events += page.events
            position = page.position
            if page.isAtEnd { return events }
        }
    }

    func stream(
        _ name: StreamName, _ workspace: WorkspaceID, _ direction: ReadDirection, limit: Int
    ) async throws -> [Event] {
        var events: [Event] = []
        var next: Int64 = direction == .forward ? 1 : .max
        while true {
            let page = try await readStream(name, workspace: workspace, fromVersion: next, direction, limit: limit)
            events += page.events
            guard let last = page.events.last else { return events }
            next = last.version + (direction == .forward ? 1 : -1)
        }
    }

    func query(_ statement: SQL) async throws -> [String: Int] {
        let rows = try await database.read { tx in try tx.query(statement) { (try $0[0] as String, try $0[1] as Int) } }
        return Dictionary(uniqueKeysWithValues: rows)
    }
}
