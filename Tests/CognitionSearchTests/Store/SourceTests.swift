import CognitionCore
import CognitionEvents
import CognitionSearch
import CognitionStorage
import CognitionTestSupport
import Logging
import Synchronization
import Testing

/// Indexes that are kept by the log.
@Suite struct SourceTests {
    /// Counters: a document says how many events its stream has.
    private struct Counters: SearchSource {
        let log: EventLog
        var revision: Int64 = 1
        var word = "events"

        let index = IndexName.executions
        let settings = SearchSettings(["text": .text()])
        let filter = EventFilter(types: ["counter.counted", "counter.deleted"])

        func subjects(of events: [Event]) -> [SearchSubject] {
            var seen: Set<SearchSubject> = []
            return events.map { SearchSubject($0.stream.id, in: $0.workspace) }.filter { seen.insert($0).inserted }
        }

        func document(of subject: SearchSubject) async throws -> SearchDocument? {
            let events = try await log.readStream(StreamName("counter", subject.id), workspace: subject.workspace)
                .events
            guard let last = events.last, last.type != "counter.deleted" else { return nil }
            return SearchDocument(id: subject.id, fields: ["text": .string("\(word) n\(events.count)")])
        }
    }

    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func append(_ type: String, to id: String, in workspace: String = "default", _ log: EventLog) async throws {
        let context = EventContext(
            Principal(actor: "test", workspace: WorkspaceID(workspace)), time: ManualClock().now, ids: UUIDGenerator())
        try await log.append([NewEvent(type)], to: StreamName("counter", id), context: context)
    }

    private func running<Result: Sendable>(
        _ runners: [SourceRunner], _ body: () async throws -> Result
    ) async throws -> Result {
        let tasks = runners.map { runner in Task { try await runner.run() } }
        do {
            let result = try await body()
            for task in tasks { task.cancel() }
            for task in tasks { try await task.value }
            return result
        } catch {
            for task in tasks { task.cancel() }
            for task in tasks { _ = await task.result }
            throw error
        }
    }

    private func runner(_ source: Counters, _ harness: SearchHarness) -> SourceRunner {
        SourceRunner(source, for: harness.search, log: source.log, rest: .milliseconds(5), logger: Self.logger)
    }

    @Test(
        "Each change is found, in its workspace alone, also after a restart and with two runners",
        arguments: TestDatabase.engines)
    func follows(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, _ in
            let log = EventLog(harness.database)
            let source = Counters(log: log)
            try await append("counter.counted", to: "a", log)
            try await append("counter.other", to: "b", log)
            try await harness.running {
                try await running([runner(source, harness), runner(source, harness)]) {
                    try await harness.until { try await finds("events", harness) == ["a"] }
                    try await append("counter.counted", to: "a", log)
                    try await append("counter.counted", to: "c", log)
                    try await append("counter.counted", to: "d", in: "other", log)
                    try await harness.until { try await finds("n2", harness) == ["a"] }
                    try await harness.until { try await finds("events", harness) == ["a", "c"] }
                    let other = SearchCaller.of("other", [.readSearch, .readWorkflows])
                    try await harness.until { try await finds("events", harness, as: other) == ["d"] }
                }
                // What comes while nobody reads is not lost.
                for _ in 0..<30 { try await append("counter.counted", to: "e", log) }
                try await append("counter.deleted", to: "c", log)
                try await running([runner(source, harness)]) {
                    try await harness.until { try await finds("events", harness) == ["a", "e"] }
                    try await harness.until { try await finds("n30", harness) == ["e"] }
                }
                // Other documents of the same things.
                var next = source
                (next.revision, next.word) = (2, "changes")
                try await running([runner(next, harness)]) {
                    try await harness.until { try await finds("changes", harness) == ["a", "e"] }
                    #expect(try await finds("events", harness) == [])
                }
            }
        }
    }

    private func finds(
        _ words: String, _ harness: SearchHarness, as caller: SearchCaller = .localOperator
    ) async throws -> [String] {
        do {
            return try await harness.find(words, in: IndexName.executions, as: caller)
        } catch let error as SearchError where error.code == .searchIndexNotFound {
            return []
        }
    }
}
