import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Dispatch
import Synchronization
import Testing

@Suite("Archiving that is cut off", .timeLimit(.minutes(5))) struct ArchiveCrashTests {
    /// A crash at the n-th step, before or after what it does.
    private final class Fuse: Sendable {
        struct Crash: Error {}

        private let left: Mutex<Int>
        private let isLate: Bool

        init(_ steps: Int, late: Bool) {
            left = Mutex(steps)
            isLate = late
        }

        /// Whether the crash came.
        var hasBlown: Bool { left.withLock { $0 < 0 } }

        func step<Value>(_ body: () async throws -> Value) async throws -> Value {
            let isLast = try burn()
            if isLast, !isLate { throw Crash() }
            let value = try await body()
            if isLast { throw Crash() }
            return value
        }

        /// A step that only fails before it.
        func check() throws { if try burn() { throw Crash() } }

        private func burn() throws -> Bool {
            try left.withLock { left in
                // Nothing is done after a crash.
                if left < 0 { throw Crash() }
                left -= 1
                return left < 0
            }
        }
    }

    /// A database whose process ends at a step.
    private struct FusedDatabase: Database {
        let database: any Database
        let fuse: Fuse

        var dialect: Dialect { database.dialect }
        var isGuest: Bool { database.isGuest }
        var isShared: Bool { database.isShared }
        var signals: Signals { database.signals }
        var writesWaiting: Int { database.writesWaiting }

        func write<Value: Sendable>(
            _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
        ) async throws -> Value {
            try await fuse.step { try await database.write(body) }
        }

        func read<Value: Sendable>(
            _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
        ) async throws -> Value {
            try await fuse.step { try await database.read(body) }
        }

        func backup(to path: String) async throws { try await database.backup(to: path) }
        func close() async {}
    }

    private func fill(_ log: EventLog) async throws {
        let large = NewEvent("a.b", data: .string(String(repeating: "x", count: 40_000)))
        let appends = (0..<24).map { number in
            StreamAppend([number % 6 == 5 ? large : .counted(number)], to: StreamName("order", "\(number % 4)"))
        }
        try await log.append(appends, context: .test())
    }

    /// Quicker than another database.
    private func empty(_ log: EventLog) async throws {
        let statements: [SQL] = [
            "DELETE FROM events", "DELETE FROM streams", "DELETE FROM event_archives", "DELETE FROM archived_streams",
            "UPDATE event_archiving SET archived_position = 0, looked_position = 0, everything_at = 0",
        ]
        try await log.database.write { tx in for statement in statements { try tx.execute(statement) } }
    }

    @Test(
        "Whatever step archiving ends before or after, each event is there once, and the next run completes it",
        arguments: TestDatabase.engines, [false, true])
    func crash(on engine: TestDatabase.Engine, late: Bool) async throws {
        var steps = 0
        try await withLog(engine) { log in
            let shelf = Shelf()
            let restarted = log.with(shelf)
            while true {
                try await fill(log)
                let before = try await restarted.all()
                let fuse = Fuse(steps, late: late)
                shelf.before.withLock { $0 = { _ in try fuse.check() } }
                let fused = EventLog(
                    FusedDatabase(database: log.database, fuse: fuse), archives: EventArchives(shelf))
                do {
                    try await fused.archive(eventsMax: 16)
                } catch  where fuse.hasBlown {}
                shelf.before.withLock { $0 = nil }
                #expect(try await restarted.whole() == before, "step \(steps)")
                try await log.execute("UPDATE event_archiving SET owned_until = 0")
                try await restarted.archive(eventsMax: 16)
                #expect(try await restarted.whole() == before, "step \(steps)")
                #expect(try await log.count("SELECT count(*) FROM events") == 0)
                #expect(try await log.count("SELECT count(*) FROM payloads") == 0)
                let archived = try await log.count("SELECT CAST(sum(events) AS BIGINT) FROM event_archives")
                #expect(archived == before.count)
                guard fuse.hasBlown else { break }
                steps += 1
                try await empty(log)
            }
        }
        #expect(steps > 20)
    }

    @Test("Of several nodes one archives, and what they make fits together", arguments: TestDatabase.engines)
    func nodes(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            for _ in 0..<4 { try await fill(log) }
            let before = try await log.all()
            let shelf = Shelf()
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 { group.addTask { try await log.with(shelf).archive(eventsMax: 10) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(counts.reduce(0, +) == 96)
            #expect(try await log.with(shelf).whole() == before)
            #expect(try shelf.events() == before.map(\.json))
        }
    }

    @Test("A node whose claim another has taken notes nothing", arguments: TestDatabase.engines)
    func lostClaim(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            try await fill(log)
            let before = try await log.all()
            let (shelf, other) = (Shelf(), Shelf())
            let database = log.database
            // While the first writes its file, its claim runs out, and the second archives.
            let files = Mutex(0)
            shelf.before.withLock {
                $0 = { step in
                    guard step.hasPrefix("store"),
                        files.withLock({
                            $0 += 1; return $0
                        }) == 1
                    else { return }
                    let done = DispatchSemaphore(value: 0)
                    Task {
                        _ = try? await database.write { try $0.execute("UPDATE event_archiving SET owned_until = 0") }
                        _ = try? await log.with(other).archive(eventsMax: 10)
                        done.signal()
                    }
                    done.wait()
                }
            }
            #expect(try await log.with(shelf).archive(eventsMax: 10) == 0)
            #expect(try await log.with(other).whole() == before)
            #expect(try other.events() == before.map(\.json))
        }
    }

    // MARK: Where files are

    @Test("What is not at hand is told, not left out", arguments: TestDatabase.engines)
    func elsewhere(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            try await fill(log)
            let shelf = Shelf()
            try await log.with(shelf).archive(eventsMax: 16)
            try await log.append([.counted(99)], to: StreamName("order", "0"), context: .test())
            let stream = StreamName("order", "0")
            for reader in [log, log.with(Shelf())] {
                #expect(await code { _ = try await reader.readAll(after: 0) } == "event.archived")
                #expect(await code { _ = try await reader.readAll(before: nil) } == "event.archived")
                #expect(await code { _ = try await reader.readStream(stream, workspace: .default) } == "event.archived")
                #expect(await code { _ = try await reader.state(of: stream, in: .default) } == "event.archived")
                #expect(await code { _ = try await reader.provenance(of: stream, in: .default) } == "event.archived")
                #expect(await code { _ = try await reader.archivedLines(1) } == "event.archived")
                let problems = try await reader.verifyAll().problems
                #expect(problems == shelf.names.map { .archiveMissing($0) })
                // What is there is read.
                #expect(try await reader.readAll(after: 24).events.map(\.position) == [25])
                #expect(try await reader.readStream(stream, workspace: .default, fromVersion: 7).events.count == 1)
            }
            try await log.database.read { tx in
                let last = try EventLog.last(of: stream, workspace: .default, in: tx)
                #expect(last?.version == 7)
                #expect(throws: EventError.self) {
                    try EventLog.last(of: stream, workspace: .default, position: 24, in: tx)
                }
                #expect(throws: EventError.self) { try EventLog.readAll(after: 23, in: tx) }
                let rest = try EventLog.readAll(after: 24, in: tx)
                #expect(rest.events.count == 1)
            }
            #expect(await code { _ = try await log.archivedLines(3) } == "event.archive_unknown")
        }
    }

    @Test("A state goes on from a snapshot that is not older than what has left", arguments: TestDatabase.engines)
    func snapshots(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let stream = StreamName("order", "1")
            for number in 0..<250 { try await log.append([.counted(number)], to: stream, context: .test()) }
            let state = try await log.state(of: stream, in: .default)
            #expect(try await log.snapshotCount() == 1)
            try await log.with(Shelf()).archive()
            try await log.append([.counted(250)], to: stream, context: .test())
            #expect(try await log.state(of: stream, in: .default)?.version == 251)
            #expect(
                try await log.state(of: stream, in: .default, at: .version(250))?.state.snapshot
                    == state?.state.snapshot)
            #expect(
                await code { _ = try await log.state(of: stream, in: .default, at: .version(249)) } == "event.archived")
        }
    }

    @Test("Damage of every kind is found", arguments: TestDatabase.engines)
    func damage(on engine: TestDatabase.Engine) async throws {
        typealias Problem = LogVerification.Problem
        let cases: [(@Sendable (EventLog, Shelf) async throws -> Void, @Sendable (Shelf) -> [Problem])] = [
            ({ _, shelf in shelf.change { $0.removeLast() } }, { [.archiveDamaged($0.names[0])] }),
            ({ _, shelf in shelf.change { $0[40] ^= 1 } }, { [.archiveDamaged($0.names[0])] }),
            (
                { _, shelf in shelf.setManifest(nil) },
                { [.manifestWrong($0.names[0])] }
            ),
            (
                { _, shelf in shelf.setManifest(Array("{}".utf8)) },
                { [.manifestWrong($0.names[0])] }
            ),
            (
                { log, _ in try await log.execute("DELETE FROM event_archives WHERE number = 1") },
                { _ in [.positionsMissing(1...16)] }
            ),
            (
                { log, _ in try await log.execute("DELETE FROM events WHERE position = 25") },
                { _ in
                    // The end of the log is where its last event is, so its stream alone misses it.
                    [.streamVersionWrong(StreamName("order", "0"), workspace: .default, version: 7, lastEvent: 6)]
                }
            ),
            (
                { log, _ in
                    try await log.execute(
                        """
                        UPDATE event_archives SET events = 1, first_position = 24
                        WHERE number = 2
                        """)
                }, { [.archiveDamaged($0.names[1]), .positionsMissing(17...23)] }
            ),
            (
                { log, _ in
                    try await log.execute(
                        """
                        INSERT INTO events (position, stream_key, version, event_id, type, type_version, time, actor, data, data_hash)
                        SELECT 24, stream_key, 6, \([UInt8](repeating: 1, count: 16)), type, type_version, time, actor, data, data_hash
                        FROM events WHERE position = 25
                        """)
                }, { _ in [.positionTwice(24)] }
            ),
        ]
        for (number, (harm, problems)) in cases.enumerated() {
            try await withLog(engine) { plain in
                let shelf = Shelf()
                let log = plain.with(shelf)
                try await fill(log)
                try await log.archive(eventsMax: 16)
                try await log.append([.counted(99)], to: StreamName("order", "0"), context: .test())
                _ = try await log.whole()
                try await harm(log, shelf)
                let found = try await plain.with(shelf).verifyAll()
                #expect(
                    Set(found.problems) == Set(problems(shelf)) && found.isComplete, "case \(number): \(found.problems)"
                )
            }
        }
    }
}

extension Shelf {
    var first: String { names[0] }

    func setManifest(_ bytes: [UInt8]?) {
        let name = first + ".manifest.json"
        files.withLock { $0[name] = bytes }
    }

    /// Harms the first file.
    func change(_ body: (inout [UInt8]) -> Void) {
        let name = first
        files.withLock { body(&$0[name, default: []]) }
    }
}
