package import CognitionStorage
import Testing

extension StorageConformance {
    /// A write whose caller goes away before it starts has no effect; the ones around it do.
    package static func cancelledWritesDoNotStart(_ database: any Database) async throws {
        var requests: [Task<Void, any Error>] = []
        try await database.holdingWriter {
            for item in 0..<9 { requests.append(database.startWrite { try insert(item, in: $0) }) }
            for item in [0, 4, 8] { requests[item].cancel() }
        }
        for (item, request) in requests.enumerated() {
            do {
                try await request.value
                #expect(item % 4 != 0)
            } catch {
                #expect(error is CancellationError)
                #expect(item % 4 == 0)
            }
        }
        #expect(try await items(database) == [1, 2, 3, 5, 6, 7])
    }

    package static func overloadIsRefused(_ database: any Database) async throws {
        var requests: [Task<Void, any Error>] = []
        try await database.holdingWriter {
            for _ in 0..<WriteQueue.waitingMax { requests.append(database.startWrite { _ in }) }
            let refused = await code { try await database.write { try insert(1, in: $0) } }
            #expect(refused == "storage.overloaded")
        }
        for request in requests { try await request.value }
        try await database.write { try insert(2, in: $0) }
        #expect(try await items(database) == [2])
    }

    package static func closingDrains(_ database: any Database) async throws {
        var requests: [Task<Void, any Error>] = []
        let gate = WriteGate()
        let held = database.startWrite { _ in gate.pass() }
        await gate.reached()
        for item in 0..<20 { requests.append(database.startWrite { try insert(item, in: $0) }) }
        let closing = Task.immediate { await database.close() }
        let refused = await code { try await database.write { try insert(99, in: $0) } }
        gate.open()
        try await held.value
        for request in requests { try await request.value }
        await closing.value
        #expect(refused == "storage.closed")
        let written = await code { try await database.write { try insert(99, in: $0) } }
        #expect(written == "storage.closed")
        let read = await code { _ = try await items(database) }
        #expect(read == "storage.closed")
        await database.close()
    }
}
