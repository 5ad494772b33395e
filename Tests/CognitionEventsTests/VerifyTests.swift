import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct VerifyTests {
    @Test(
        "A log that nobody touched has no problems, in whatever pieces it is checked", arguments: TestDatabase.engines)
    func intact(on engine: TestDatabase.Engine) async throws {
        try await withFilled(engine) { log in
            let whole = try await log.verifyAll()
            #expect(whole.problems == [] && whole.events == 31 && whole.streams == 5 && whole.isComplete)
            var piece = try await log.verify(limit: 2)
            var count = piece.events
            while !piece.isComplete {
                piece = try await log.verify(from: piece.cursor, limit: 2)
                #expect(piece.problems == [])
                count += piece.events
            }
            #expect(count == 31)
            #expect(try await log.verify(from: piece.cursor).isComplete)
        }
        try await withLog(engine) { log in
            let empty = try await log.verifyAll()
            #expect(empty.isComplete && empty.problems == [])
        }
    }

    @Test("Every kind of damage is found and named", arguments: TestDatabase.engines)
    func damage(on engine: TestDatabase.Engine) async throws {
        let changed = Array("{}".utf8)
        let cases: [([SQL], [LogVerification.Problem])] = [
            (["UPDATE events SET data = \(changed) WHERE position = 9"], [.dataChanged(position: 9)]),
            (["UPDATE events SET data_hash = \(changed) WHERE position = 9"], [.dataChanged(position: 9)]),
            (["UPDATE payloads SET bytes = \(changed)"], [.dataChanged(position: 31)]),
            (["DELETE FROM payloads"], [.payloadMissing(position: 31)]),
            (
                ["DELETE FROM events WHERE position IN (9, 10)"],
                [
                    .positionsMissing(9...10), .versionOutOfOrder(position: 14, version: 3),
                    .versionOutOfOrder(position: 15, version: 3),
                ]
            ),
            (
                ["DELETE FROM events WHERE position >= 30"],
                [
                    .streamVersionWrong(StreamName("order", "4"), workspace: .default, version: 6, lastEvent: 5),
                    .streamVersionWrong(StreamName("order", "0"), workspace: .default, version: 7, lastEvent: 6),
                ]
            ),
            (["UPDATE events SET position = 40 WHERE position = 31"], [.positionsMissing(31...39)]),
            (
                ["UPDATE events SET version = 99 WHERE position = 28"],
                [
                    .versionOutOfOrder(position: 28, version: 99),
                    .streamVersionWrong(StreamName("order", "2"), workspace: .default, version: 6, lastEvent: 99),
                ]
            ),
            (
                [
                    "UPDATE events SET stream_key = 77 WHERE position = 1",
                    "UPDATE events SET version = 1 WHERE position = 6",
                ],
                [.streamMissing(position: 1), .versionOutOfOrder(position: 11, version: 3)]
            ),
        ]
        for (statements, problems) in cases {
            try await withFilled(engine) { log in
                for statement in statements { try await log.execute(statement) }
                let found = try await log.verifyAll()
                #expect(Set(found.problems) == Set(problems) && found.problems.count == problems.count, "\(statements)")
                #expect(found.isComplete)
            }
        }
    }

    @Test("A check ends when it has found enough", arguments: TestDatabase.engines)
    func bounded(on engine: TestDatabase.Engine) async throws {
        try await withFilled(engine) { log in
            try await log.execute("UPDATE events SET data = \(Array("1".utf8))")
            let found = try await log.verifyAll(problemsMax: 5)
            #expect(!found.isComplete && found.problems.count >= 5)
            #expect(await code { _ = try await log.verify(limit: 0) } == "event.invalid")
        }
    }

    /// Positions 1...30 go round the streams 0...4; position 31 is a payload, in the first.
    private func withFilled(_ engine: TestDatabase.Engine, _ body: (EventLog) async throws -> Void) async throws {
        try await withLog(engine) { log in
            try await log.database.write { tx in
                for number in 0..<30 {
                    try tx.append([.counted(number)], to: StreamName("order", "\(number % 5)"), context: .test())
                }
                let large = NewEvent("a.b", data: .string(String(repeating: "x", count: 40_000)))
                try tx.append([large], to: StreamName("order", "0"), context: .test())
            }
            try await body(log)
        }
    }
}
