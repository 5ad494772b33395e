import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Foundation
import Testing

@Suite struct ReadingTests {
    private let stream = StreamName("order", "1")

    @Test("A stream is read in pages from any version", arguments: TestDatabase.engines)
    func streamPages(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            try await log.append((1...10).map { .counted($0) }, to: stream, context: .test())
            try await log.append([.counted(99)], to: StreamName("order", "2"), context: .test())
            func read(from version: Int64, limit: Int = 1_000) async throws -> StreamPage {
                try await log.readStream(stream, workspace: .default, fromVersion: version, limit: limit)
            }
            #expect(try await read(from: 1).events.compactMap(\.number) == Array(1...10))
            #expect(try await read(from: 4, limit: 3).events.map(\.version) == [4, 5, 6])
            #expect(try await read(from: 4, limit: 3).version == 10)
            #expect(try await read(from: 10).events.map(\.number) == [10])
            #expect(try await read(from: 11).events == [])
            let missing = try await log.readStream(StreamName("order", "3"), workspace: .default)
            #expect(missing.events == [] && missing.version == 0)
            #expect(try await log.readStream(stream, workspace: WorkspaceID("other")).version == 0)
            for limit in [0, 1_001] {
                #expect(await code { _ = try await read(from: 1, limit: limit) } == "event.invalid")
            }
        }
    }

    @Test("Every kind of stream that the program itself writes is kept from others")
    func reserved() throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources")
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var types: Set<String> = []
        for case let file as URL in files
        where file.pathExtension == "swift" && !file.path.contains("/CognitionBenchmarks/") {
            let text = try String(contentsOf: file, encoding: .utf8)
            types.formUnion(text.matches(of: #/StreamName\("([a-z_]+)",/#).map { String($0.output.1) })
        }
        #expect(types == PlatformStreams.types)
    }

    @Test("Streams and the log are read backward, page by page, to their first event", arguments: TestDatabase.engines)
    func backward(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let clock = ManualClock()
            for number in 1...9 {
                clock.advance(by: .seconds(1_000))
                try await log.append(
                    [.counted(number)], to: number % 3 == 0 ? StreamName("order", "2") : stream,
                    context: .test(time: clock.now))
            }
            let last = try await log.readStream(stream, workspace: .default, fromVersion: .max, .backward, limit: 2)
            #expect(last.events.compactMap(\.number) == [8, 7] && last.version == 6)
            let rest = try await log.readStream(stream, workspace: .default, fromVersion: 4, .backward)
            #expect(rest.events.map(\.version) == [4, 3, 2, 1])
            func all(_ filter: EventFilter) async throws -> [Int] {
                var (numbers, before): ([Int], Int64?) = ([], nil)
                while true {
                    let page = try await log.readAll(before: before, limit: 2, filter: filter)
                    numbers += page.events.compactMap(\.number)
                    if page.isAtEnd { return numbers }
                    before = page.position
                }
            }
            #expect(try await all(.all) == Array((1...9).reversed()))
            #expect(try await all(EventFilter(workspace: .default, stream: StreamName("order", "2"))) == [9, 6, 3])
            #expect(try await all(EventFilter(workspace: .default, stream: StreamName("order", "x"))) == [])
            #expect(try await all(EventFilter(since: ManualClock().now + .seconds(4_000))) == [9, 8, 7, 6, 5, 4])
            #expect(try await all(EventFilter(hiddenStreamTypes: ["order"])) == [])
            #expect(try await log.readAll(before: 3, filter: .all).events.map(\.position) == [2, 1])
        }
    }

    @Test("Filters choose by workspace, type, stream and time", arguments: TestDatabase.engines)
    func filters(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let clock = ManualClock()
            for number in 1...24 {
                clock.advance(by: .seconds(600))
                let stream = StreamName(number % 2 == 0 ? "order" : "cart", "\(number % 3)")
                let event = NewEvent(
                    number % 4 == 0 ? "test.ended" : "test.began", data: ["number": .integer(Int64(number))])
                let context = EventContext.test(workspace: number % 5 == 0 ? "b" : "a", time: clock.now)
                try await log.append([event], to: stream, context: context)
            }
            let (a, b) = (WorkspaceID("a"), WorkspaceID("b"))
            let start = ManualClock().now
            let cases: [(EventFilter, (Int) -> Bool)] = [
                (.all, { _ in true }),
                (EventFilter(workspace: a), { $0 % 5 != 0 }),
                (EventFilter(workspace: b), { $0 % 5 == 0 }),
                (EventFilter(workspace: WorkspaceID("c")), { _ in false }),
                (EventFilter(types: ["test.ended"]), { $0 % 4 == 0 }),
                (EventFilter(types: ["test.ended", "test.began"]), { _ in true }),
                (EventFilter(types: []), { _ in false }),
                (EventFilter(streamType: "cart"), { $0 % 2 == 1 }),
                (EventFilter(workspace: a, types: ["test.began"], streamType: "order"), { $0 % 4 == 2 && $0 % 5 != 0 }),
                (EventFilter(workspace: a, stream: StreamName("order", "1")), { $0 % 6 == 4 && $0 % 5 != 0 }),
                (EventFilter(workspace: b, stream: StreamName("order", "9")), { _ in false }),
                (EventFilter(since: start + .seconds(6_000)), { $0 >= 10 }),
                (EventFilter(since: start + .seconds(6_001)), { $0 >= 11 }),
                (EventFilter(since: start), { _ in true }),
                (EventFilter(since: start + .seconds(100_000)), { _ in false }),
                (
                    EventFilter(workspace: a, stream: StreamName("order", "1"), since: start + .seconds(6_001)),
                    {
                        $0 % 6 == 4 && $0 % 5 != 0 && $0 >= 11
                    }
                ),
            ]
            for (filter, matches) in cases {
                for limit in [1, 3, 1_000] {
                    let numbers = try await log.all(filter: filter, limit: limit).compactMap(\.number)
                    #expect(numbers == (1...24).filter(matches), "\(filter), \(limit) a page")
                }
            }
            #expect(
                try await log.readAll(after: 20, filter: EventFilter(workspace: a)).events.map(\.number) == [
                    21, 22, 23, 24,
                ])
            let page = try await log.readAll(after: 3, limit: 2, filter: EventFilter(workspace: b))
            #expect(page.events.map(\.position) == [5, 10] && page.position == 10 && !page.isAtEnd)
            for filter in [
                EventFilter(stream: stream), EventFilter(types: Array(repeating: "a.b", count: 65)),
            ] { #expect(await code { _ = try await log.readAll(filter: filter) } == "event.invalid") }
            // A place the log has not reached yet is kept.
            let beyond = try await log.readAll(after: 100)
            #expect(beyond.events == [] && beyond.position == 100 && beyond.isAtEnd)
        }
    }

    @Test("Times that go back by the skew of clocks hide nothing", arguments: TestDatabase.engines)
    func skew(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let start = ManualClock().now
            for number in 0..<200 {
                let time = start + .seconds(number * 60) - .seconds(number % 7 == 3 ? 290 : 0)
                try await log.append([.counted(number)], to: stream, context: .test(time: time))
            }
            for minute in stride(from: 0, to: 200, by: 9) {
                let since = start + .seconds(minute * 60)
                let numbers = try await log.all(filter: EventFilter(since: since)).compactMap(\.number)
                #expect(numbers == (0..<200).filter { $0 * 60 - ($0 % 7 == 3 ? 290 : 0) >= minute * 60 })
            }
        }
    }

    @Test("A page looks through a bounded piece of the log", arguments: [TestDatabase.Engine.sqliteMemory])
    func boundedScan(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            for _ in 0..<3 {
                try await log.append(Array(repeating: .counted(0), count: 10_000), to: stream, context: .test())
            }
            try await log.append([.counted(1)], to: stream, context: .test(workspace: "b"))
            let filter = EventFilter(workspace: WorkspaceID("b"))
            let page = try await log.readAll(filter: filter)
            #expect(page.events == [] && page.position == 10_000 && !page.isAtEnd)
            #expect(try await log.all(filter: filter).map(\.position) == [30_001])
            // The events of one stream are found without a search.
            let one = try await log.readAll(filter: EventFilter(workspace: WorkspaceID("b"), stream: stream))
            #expect(one.events.map(\.position) == [30_001] && one.isAtEnd)
        }
    }
}
