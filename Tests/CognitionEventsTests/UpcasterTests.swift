import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite("Upcasters and the check of the log") struct UpcasterTests {
    private struct Odd: Error, CustomStringConvertible {
        var description: String { "no number" }
    }

    /// Version 1 has `n`, version 2 `number`, version 3 `numbers`.
    private static let chain = [
        Upcaster("test.happened", from: 2) { data in
            guard let number = data["number"], number != .null else { throw Odd() }
            return ["numbers": [number]]
        },
        Upcaster("test.happened", from: 1) { ["number": $0["n"] ?? .null] },
    ]

    /// Refuses events with a first number of 5 or more.
    private struct Picky: Projection {
        let name = "picky"
        let foldVersion = 1

        func apply(_ events: [Event], to generation: Generation, in tx: borrowing Transaction) throws {
            for event in events {
                let number = event.data["numbers"]?[0]?.integerValue ?? 0
                try tx.execute("INSERT INTO picked (number) VALUES (\(number))")
                if number >= 5 { throw Refusal() }
            }
        }

        func delete(_ generation: Int64, limit: Int, in tx: borrowing Transaction) throws -> Int { 0 }
    }

    private static let stream = StreamName("order", "1")

    private func withOldEvents(
        _ engine: TestDatabase.Engine, _ body: (EventLog, Upcasters) async throws -> Void
    ) async throws {
        let table = Migration(
            "test.picked",
            ["CREATE TABLE picked (number \(fragment: .int64) NOT NULL PRIMARY KEY) \(fragment: .strict)"])
        try await withTestDatabase(engine, migrations: EventLog.migrations + [table]) { database in
            let log = EventLog(database)
            let events: [(Int, JSONValue)] = [
                (1, ["n": 1]), (2, ["number": 2]), (3, ["numbers": [3]]), (1, [:]), (1, ["n": 5]), (4, [:]),
                (2, ["number": 6]), (1, ["n": 7]),
            ]
            for (version, data) in events {
                try await log.append(
                    [NewEvent("test.happened", data: data, typeVersion: version)], to: Self.stream, context: .test())
            }
            try await body(log, try Upcasters(Self.chain))
        }
    }

    @Test("Older events are told as the newest version, and what is stored stays", arguments: TestDatabase.engines)
    func chains(on engine: TestDatabase.Engine) async throws {
        try await withOldEvents(engine) { log, upcasters in
            let stored = try await log.all()
            for place in [0, 1, 2] {
                let told = try upcasters.upcast(stored[place])
                #expect(told.typeVersion == 3 && told.data["numbers"] == [.integer(Int64(place + 1))])
                #expect(told.id == stored[place].id && told.dataHash == stored[place].dataHash)
            }
            for place in [3, 5] {
                let failure = #expect(throws: EventError.self) { _ = try upcasters.upcast(stored[place]) }
                #expect(failure?.code == .upcastFailed && failure?.position == stored[place].position)
            }
            #expect(try Upcasters.none.upcast(stored[0]) == stored[0])
            #expect(stored[0].typeVersion == 1)
        }
    }

    @Test("A chain with a gap or a double is refused")
    func refusals() throws {
        let step = { (version: Int) in Upcaster("a.b", from: version) { $0 } }
        for versions in [[1, 3], [1, 1], [2, 1, 4]] {
            #expect(throws: EventError.self) { try Upcasters(versions.map(step)) }
        }
        #expect(throws: Never.self) { try Upcasters([3, 1, 2].map(step)) }
    }

    /// Keeps the first number of each event.
    private struct Firsts: Projection {
        let name = "firsts"
        let foldVersion = 1

        func apply(_ events: [Event], to generation: Generation, in tx: borrowing Transaction) throws {
            for event in events {
                let number = event.data["numbers"]?[0]?.integerValue ?? 100
                try tx.execute("INSERT INTO picked (number) VALUES (\(number))")
            }
        }

        func delete(_ generation: Int64, limit: Int, in tx: borrowing Transaction) throws -> Int { 0 }
    }

    @Test(
        "An upcaster that fails stops a projection, which says where and why, and goes on when it is mended",
        .timeLimit(.minutes(1)), arguments: TestDatabase.engines)
    func stops(on engine: TestDatabase.Engine) async throws {
        try await withOldEvents(engine) { log, upcasters in
            let projections = Projections(log.database, clock: SystemWallClock())
            func run(_ upcasters: Upcasters, until fits: (ProjectionState) -> Bool) async throws -> ProjectionState {
                let runner = ProjectionRunner(
                    Firsts(), database: log.database, polling: .milliseconds(20), upcasters: upcasters)
                let running = Task { try await runner.run() }
                var state = try? await projections.state(of: "firsts")
                while state.map(fits) != true {
                    try await Task.sleep(for: .milliseconds(5))
                    state = try? await projections.state(of: "firsts")
                }
                running.cancel()
                try await running.value
                return try #require(state)
            }
            let stopped = try await run(upcasters) { $0.status == .stopped }
            #expect(stopped.position == 3 && stopped.failure?.position == 4)
            #expect(
                stopped.failure?.error
                    == "event.upcast_failed: the test.happened of version 1 at position 4: its upcaster from version 2 fails: no number"
            )
            // Of the next release, which takes the fourth, and then the sixth too.
            let lenient = Upcaster("test.happened", from: 2) {
                ["numbers": [$0["number"]?.integerValue.map { .integer($0) } ?? 0]]
            }
            let second = try Upcasters([Self.chain[1], lenient])
            try await projections.resume("firsts")
            let again = try await run(second) { $0.status == .stopped }
            #expect(again.position == 5 && again.failure?.position == 6)
            #expect(again.failure?.error.hasSuffix("versions 1 to 3 are known") == true)
            let third = try Upcasters([Self.chain[1], lenient, Upcaster("test.happened", from: 3) { $0 }])
            try await projections.resume("firsts")
            #expect(try await run(third) { $0.position == 8 }.status == .running)
            #expect(try await log.count("SELECT COUNT(*) FROM picked") == 8)
        }
    }

    @Test(
        "The check names every type and version that a build cannot take, and writes nothing",
        arguments: TestDatabase.engines)
    func check(on engine: TestDatabase.Engine) async throws {
        try await withOldEvents(engine) { log, upcasters in
            let report = try await LogCheck(log, upcasters: upcasters, projections: [Picky()]).run()
            #expect(report.events == 8)
            let found = report.failures.map { "\($0.typeVersion) \($0.part) \($0.count) \($0.position)" }
            #expect(found == ["1 upcasters 1 4", "4 upcasters 1 6", "3 projection picky 3 5"])
            #expect(try await log.count("SELECT COUNT(*) FROM picked") == 0)
            let fine = try await LogCheck(log, upcasters: .none, projections: [EventTypesProjection()]).run()
            #expect(fine.failures.isEmpty && fine.events == 8)
            #expect(try await log.count("SELECT COUNT(*) FROM event_types") == 0)
            try await log.execute("UPDATE events SET data = \([UInt8]([0x7B])) WHERE position = 3")
            let damaged = try await LogCheck(log, upcasters: .none, projections: []).run()
            #expect(damaged.failures.map(\.part) == ["log"] && damaged.failures.map(\.position) == [3])
        }
    }
}
