import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct TailTests {
    private let stream = StreamName("order", "1")

    @Test("A tail first catches up, then follows, and sees what matches", arguments: TestDatabase.engines)
    func follows(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            try await log.append((1...5).map { .counted($0) }, to: stream, context: .test())
            let filter = EventFilter(workspace: .default)
            var tail = log.tail(after: 2, filter: filter, pageMax: 2, clock: StillClock()).makeAsyncIterator()
            var numbers: [Int?] = []
            for _ in 0..<3 { numbers.append(try await tail.next()?.number) }
            let clock = StillClock()
            let waiting = Task {
                // Nothing but a wake-up ends the wait.
                var tail = log.tail(after: 5, filter: filter, clock: clock).makeAsyncIterator()
                return [try await tail.next()?.number, try await tail.next()?.number]
            }
            while clock.sleeps.isEmpty { await Task.yield() }
            try await log.append([.counted(6)], to: stream, context: .test(workspace: "other"))
            try await log.append([.counted(7), .counted(8)], to: stream, context: .test())
            for _ in 0..<2 { numbers.append(try await tail.next()?.number) }
            #expect(numbers == [3, 4, 5, 7, 8])
            #expect(try await waiting.value == [7, 8])
        }
    }

    @Test("Without a place a tail starts at the end", arguments: TestDatabase.engines)
    func startsAtEnd(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            try await log.append([.counted(1)], to: stream, context: .test())
            let clock = StillClock()
            let tailing = Task {
                var tail = log.tail(clock: clock).makeAsyncIterator()
                return try await tail.next()?.number
            }
            while clock.sleeps.isEmpty { await Task.yield() }
            try await log.append([.counted(2)], to: stream, context: .test())
            #expect(try await tailing.value == 2)
        }
    }

    @Test("A tail ends with its task", arguments: TestDatabase.engines)
    func endsWithTask(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let clock = StillClock()
            let tailing = Task {
                var count = 0
                for try await _ in log.tail(after: 0, clock: clock) { count += 1 }
                return count
            }
            while clock.sleeps.isEmpty { await Task.yield() }
            tailing.cancel()
            let count = try await tailing.value
            #expect(count == 0)
        }
    }

    @Test("A lost wake-up costs no more than the polling interval", arguments: TestDatabase.engines)
    func polls(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            try await log.append([.counted(1)], to: stream, context: .test())
            let clock = TickedClock()
            let tailing = Task {
                var tail = log.tail(after: 1, clock: clock).makeAsyncIterator()
                return try await tail.next()?.number
            }
            await clock.endNextSleep {}
            try await clock.endNextSleep { try await log.appendSilently(position: 2, number: 2) }
            #expect(try await tailing.value == 2)
        }
    }
}

extension EventLog {
    /// An event that another process wrote: nobody here is woken.
    func appendSilently(position: Int64, number: Int) async throws {
        let data = JSONValue.object(["number": .integer(Int64(number))]).jsonBytes
        try await database.write { tx in
            try tx.execute(
                """
                INSERT INTO events (position, stream_key, version, event_id, type, type_version, time, actor, data, data_hash)
                SELECT \(position), stream_key, version + 1, \([UInt8](repeating: UInt8(number), count: 16)), type, type_version,
                    time, actor, \(data), \(SHA256Digest(of: data).bytes)
                FROM events WHERE position = \(position - 1)
                """)
            try tx.execute("UPDATE streams SET version = version + 1")
        }
    }
}
