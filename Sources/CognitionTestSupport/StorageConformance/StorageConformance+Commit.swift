package import CognitionStorage
import Synchronization
import Testing

/// Writes down, once per round, which items were added to it.
private final class Recording: CommitStep {
    private var items: [Int] = []

    init() {}

    var count: Int { items.count }
    func add(_ item: Int) { items.append(item) }
    func truncate(to count: Int) { items.removeSubrange(count...) }

    func run(in tx: borrowing Transaction) throws {
        if items.contains(Self.poison) { throw StorageConformance.Refusal(item: Self.poison) }
        // The step is last: it sees what every request of its round has written.
        for item in items
        where try tx.first("SELECT 1 FROM items WHERE item = \(item)", as: { try $0[0] as Int }) == nil {
            throw StorageConformance.Refusal(item: item)
        }
        let list = items.map(String.init).joined(separator: " ")
        try tx.execute("INSERT INTO samples (words) VALUES (\(list))")
    }

    /// An item with which the step fails.
    static let poison = 77
}

extension StorageConformance {
    package static func commitStepsRunOncePerRound(_ database: any Database) async throws {
        var requests: [Task<Void, any Error>] = []
        try await database.holdingWriter {
            for item in 0..<60 {
                requests.append(
                    database.startWrite { tx in
                        try insert(item, in: tx)
                        tx.commitStep(Recording.self).add(item)
                        if item % 4 == 3 { throw Refusal(item: item) }
                    })
            }
        }
        for request in requests { _ = await request.result }
        let survivors = (0..<60).filter { $0 % 4 != 3 }
        let rounds = try await recorded(database)
        #expect(rounds.flatMap(\.self) == survivors, "each surviving request once, in order")
        #expect(rounds.count < survivors.count, "requests shared rounds, or this test shows nothing")
        #expect(try await items(database) == survivors)
    }

    package static func commitStepFailuresAreConfined(_ database: any Database) async throws {
        var requests: [Task<Void, any Error>] = []
        try await database.holdingWriter {
            for item in 75..<80 {
                requests.append(
                    database.startWrite { tx in
                        try insert(item, in: tx)
                        tx.commitStep(Recording.self).add(item)
                    })
            }
        }
        for (item, request) in zip(75..<80, requests) {
            let error = await code { try await request.value }
            #expect((error != nil) == (item == Recording.poison))
        }
        #expect(try await items(database) == [75, 76, 78, 79])
        #expect(try await recorded(database).flatMap(\.self) == [75, 76, 78, 79])
    }

    private static func recorded(_ database: any Database) async throws -> [[Int]] {
        try await database.read { tx in
            try tx.query("SELECT words FROM samples ORDER BY id") { row in
                try (row[0] as String).split(separator: " ").compactMap { Int($0) }
            }
        }
    }

    /// Actions run once for each committed request, before its `write` returns, and never for one that was undone.
    package static func actionsFollowCommits(_ database: any Database) async throws {
        let acted = Mutex<[Int]>([])
        var requests: [Task<Void, any Error>] = []
        try await database.holdingWriter {
            for item in 0..<40 {
                requests.append(
                    database.startWrite { tx in
                        try insert(item, in: tx)
                        tx.afterCommit { acted.withLock { $0.append(item) } }
                        if item % 5 == 4 { throw Refusal(item: item) }
                    })
            }
        }
        for (item, request) in requests.enumerated() {
            guard (try? await request.value) != nil else { continue }
            #expect(acted.withLock { $0.contains(item) })
        }
        #expect(acted.withLock { $0 } == (0..<40).filter { $0 % 5 != 4 })
    }

    package static func signalsCoalesce(_ database: any Database) async throws {
        let wakeUps = database.signals.wakeUps(for: "conformance")
        let others = database.signals.wakeUps(for: "conformance.other")
        for item in 0..<20 {
            try await database.write { tx in
                try insert(item, in: tx)
                tx.signal("conformance")
            }
        }
        #expect(await count(of: wakeUps) == 1)
        #expect(await count(of: others) == 0)
    }

    /// How many wake-ups are there without waiting for another.
    private static func count(of wakeUps: AsyncStream<Void>) async -> Int {
        let counting = Task {
            var count = 0
            for await _ in wakeUps { count += 1 }
            return count
        }
        // What has been kept is delivered even when the task has been cancelled before it looked.
        counting.cancel()
        return await counting.value
    }
}
