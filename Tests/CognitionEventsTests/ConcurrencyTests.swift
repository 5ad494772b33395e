import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct ConcurrencyTests {
    @Test(
        "A reader of the tail sees every position once and in order while many append", arguments: TestDatabase.engines)
    func tailWhileAppending(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let (tasks, each) = (24, 25)
            let clock = StillClock()
            let tailing = Task {
                var seen: [Event] = []
                for try await event in log.tail(after: 0, pageMax: 7, clock: clock) {
                    seen.append(event)
                    if seen.count == tasks * each { return seen }
                }
                return seen
            }
            let receipts = try await withThrowingTaskGroup(of: [AppendReceipt].self) { group in
                for task in 0..<tasks {
                    group.addTask {
                        var receipts: [AppendReceipt] = []
                        for number in 0..<each {
                            let stream = StreamName("order", "\((task + number) % 10)")
                            receipts.append(try await log.append([.counted(number)], to: stream, context: .test()))
                        }
                        return receipts
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            let seen = try await tailing.value
            #expect(seen.map(\.position) == Array(1...Int64(tasks * each)))
            #expect(receipts.flatMap(\.positions).sorted() == seen.map(\.position))
            let idByPosition = Dictionary(uniqueKeysWithValues: seen.map { ($0.position, $0.id) })
            for receipt in receipts { #expect(receipt.positions.map { idByPosition[$0] } == receipt.eventIDs) }
            for events in Dictionary(grouping: seen, by: \.stream).values {
                #expect(events.map(\.version) == Array(1...Int64(events.count)))
            }
        }
    }

    @Test("Requests that fail in a round leave no gap in positions or versions", arguments: TestDatabase.engines)
    func failuresLeaveNoGaps(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine, writers: 1) { log in
            var writes: [Task<AppendReceipt, any Error>] = []
            try await log.database.holdingWriter {
                for number in 0..<60 {
                    writes.append(
                        log.database.startWrite { tx in
                            let stream = StreamName("order", "\(number % 4)")
                            let receipt = try tx.append(
                                [.counted(number), .counted(number)], to: stream, context: .test())
                            if number % 3 == 0 { throw Refusal() }
                            return receipt
                        })
                }
            }
            var positions: [Int64] = []
            for (number, write) in writes.enumerated() {
                switch await write.result {
                case .success(let receipt):
                    #expect(number % 3 != 0)
                    positions += receipt.positions
                case .failure(let error):
                    #expect(number % 3 == 0 && error is Refusal)
                }
            }
            #expect(positions == Array(1...80))
            #expect(try await log.all().compactMap(\.number) == (0..<60).filter { $0 % 3 != 0 }.flatMap { [$0, $0] })
            #expect(try await log.verifyAll().problems == [])
        }
    }

    @Test("Of many that expect the same version one wins", arguments: TestDatabase.engines)
    func oneWriterWins(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let stream = StreamName("order", "1")
            for version in [0, 1, 2] as [Int64] {
                let won = await withTaskGroup(of: Bool.self) { group in
                    for number in 0..<16 {
                        group.addTask {
                            let expected = ExpectedVersion.exact(version)
                            return await code {
                                try await log.append(
                                    [.counted(number)], to: stream, expecting: expected, context: .test())
                            } == nil
                        }
                    }
                    return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(won == 1)
            }
            let head = try await log.head()
            #expect(head == 3)
            #expect(try await log.verifyAll().problems == [])
        }
    }
}
