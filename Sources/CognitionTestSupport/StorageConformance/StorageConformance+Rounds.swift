package import CognitionStorage
import Synchronization
import Testing

extension StorageConformance {
    /// Where, among five requests of one round, the one stands that fails.
    package static let places = [0, 2, 4]

    /// How a request fails.
    package enum Failure: String, Sendable, CaseIterable {
        case thrown, constraint, statement
    }

    /// A body that fails undoes itself alone, wherever it stands.
    package static func failuresAreConfined(_ database: any Database, place: Int, failure: Failure) async throws {
        try await database.write { try insert(1_000, in: $0) }
        var requests: [Task<Int, any Error>] = []
        try await database.holdingWriter {
            for item in 0..<5 {
                requests.append(
                    database.startWrite { tx in
                        try insert(item, in: tx)
                        guard item == place else { return item }
                        switch failure {
                        case .thrown: throw Refusal(item: item)
                        case .constraint: try insert(1_000, in: tx)
                        case .statement: try tx.execute("INSERT INTO nowhere VALUES (1)")
                        }
                        return item
                    })
            }
        }
        for (item, request) in requests.enumerated() {
            switch await request.result {
            case .success(let value):
                #expect(value == item)
                #expect(item != place)
            case .failure(let error):
                #expect(item == place)
                switch failure {
                case .thrown: #expect(error as? Refusal == Refusal(item: place))
                case .constraint: #expect((error as? StorageError)?.code == .constraintViolated)
                case .statement: #expect((error as? StorageError)?.code == .statementInvalid)
                }
            }
        }
        #expect(try await items(database) == [1_000] + (0..<5).filter { $0 != place })
    }

    /// Among many requests every third fails, again and again; the others have their effect exactly once.
    package static func repetitionsHaveOneEffect(_ database: any Database) async throws {
        let runs = Mutex(0)
        var requests: [Task<Void, any Error>] = []
        try await database.holdingWriter {
            for item in 0..<300 {
                requests.append(
                    database.startWrite { tx in
                        runs.withLock { $0 += 1 }
                        try insert(item, in: tx)
                        if item % 3 == 2 { throw Refusal(item: item) }
                    })
            }
        }
        for (item, request) in requests.enumerated() {
            let result = await request.result
            #expect((item % 3 == 2) == ((try? result.get()) == nil))
        }
        #expect(try await items(database) == (0..<300).filter { $0 % 3 != 2 })
        #expect(runs.withLock { $0 } > 300, "a round was repeated, or this test shows nothing")
    }

    package static func requestsKeepTheirOrder(_ database: any Database) async throws {
        var requests: [Task<Void, any Error>] = []
        try await database.holdingWriter {
            for item in 0..<500 { requests.append(database.startWrite { try insert(item, in: $0) }) }
        }
        for request in requests { try await request.value }
        #expect(try await items(database) == Array(0..<500))
    }

    package static func acknowledgedWritesAreRead(_ database: any Database) async throws {
        try await withThrowingTaskGroup { group in
            for writer in 0..<8 {
                group.addTask {
                    for step in 0..<25 {
                        let item = writer * 1_000 + step
                        try await database.write { try insert(item, in: $0) }
                        let found = try await database.read { tx in
                            try tx.first("SELECT item FROM items WHERE item = \(item)") { try $0[0] as Int }
                        }
                        #expect(found == item)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    package static func concurrentIncrementsAddUp(_ database: any Database) async throws {
        try await database.write { try $0.execute("INSERT INTO counters (name, count) VALUES (\("all"), 0)") }
        try await withThrowingTaskGroup { group in
            for _ in 0..<64 {
                group.addTask {
                    for _ in 0..<200 {
                        try await database.write { tx in
                            let count =
                                try tx.first(
                                    "SELECT count FROM counters WHERE name = \("all") \(fragment: .forUpdate)"
                                ) { try $0[0] as Int } ?? 0
                            try tx.execute("UPDATE counters SET count = \(count + 1) WHERE name = \("all")")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let count = try await database.read { try $0.first("SELECT count FROM counters") { try $0[0] as Int } }
        #expect(count == 12_800)
    }

    package static func readsAreSnapshots(_ database: any Database, beside: Bool) async throws {
        try await database.write { try insert(1, in: $0) }
        let gate = WriteGate()
        let reading = Task {
            try await database.read { tx in
                let before = try tx.query("SELECT item FROM items") { try $0[0] as Int }
                gate.pass()
                return (before, try tx.query("SELECT item FROM items") { try $0[0] as Int })
            }
        }
        await gate.reached()
        let writing = database.startWrite { try insert(2, in: $0) }
        if beside { try await writing.value }
        gate.open()
        let (before, after) = try await reading.value
        #expect(before == [1])
        #expect(after == [1])
        try await writing.value
        #expect(try await items(database) == [1, 2])
    }

    package static func readsWriteNothing(_ database: any Database) async throws {
        let refused = await code { _ = try await database.read { try insert(1, in: $0) } }
        #expect(refused != nil)
        #expect(try await items(database).isEmpty)
        try await database.write { try insert(2, in: $0) }
        #expect(try await items(database) == [2])
    }
}
