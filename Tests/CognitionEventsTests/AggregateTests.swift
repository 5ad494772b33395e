import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Testing

private struct Account: Aggregate {
    static let streamType = "account"
    static let foldVersion = 1
    var balance: Int64 = 0

    init() {}
    mutating func apply(_ event: Event) { balance += event.data["amount"]?.integerValue ?? 0 }

    var snapshot: JSONValue { .integer(balance) }
    init?(snapshot: JSONValue) {
        guard let balance = snapshot.integerValue else { return nil }
        self.balance = balance
    }
}

/// The same stream, folded by another rule.
private struct Movements: Aggregate {
    static let streamType = "account"
    static let foldVersion = 2
    var count: Int64 = 0

    init() {}
    mutating func apply(_ event: Event) { count += 1 }

    var snapshot: JSONValue { .integer(count) }
    init?(snapshot: JSONValue) { count = snapshot.integerValue ?? 0 }
}

@Suite("Aggregates") struct AggregateTests {
    private static func moved(_ amount: Int64) -> NewEvent {
        NewEvent("account.moved", data: ["amount": .integer(amount)])
    }

    @Test("Decisions that race are all taken, each by the state that it saw", arguments: TestDatabase.engines)
    func races(on engine: TestDatabase.Engine) async throws {
        struct Empty: Error {}
        try await withLog(engine) { log in
            let accounts = Aggregates<Account>(log)
            try await accounts.update("1", context: .test()) { _ in [Self.moved(10)] }
            let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        do {
                            try await accounts.update("1", context: .test()) { account in
                                guard account.balance > 0 else { throw Empty() }
                                return [Self.moved(-1)]
                            }
                            return true
                        } catch is Empty {
                            return false
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.filter(\.self).count == 10, "no more than there was")
            let end = try await accounts.load("1", in: .default)
            #expect(end.state.balance == 0 && end.version == 11)
            let same = try await accounts.update("1", context: .test()) { _ in [] }
            #expect(same.version == 11 && same.state.balance == 0)
            #expect(try await accounts.load("2", in: .default).version == 0)
        }
    }

    @Test(
        "A snapshot saves folding, and is passed over when it is damaged or of another fold",
        arguments: TestDatabase.engines)
    func snapshots(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let accounts = Aggregates<Account>(log, policy: SnapshotPolicy(events: 5, duration: .seconds(60)))
            let stream = StreamName("account", "1")
            for _ in 1...4 { try await log.append([Self.moved(1)], to: stream, context: .test()) }
            #expect(try await accounts.load("1", in: .default).state.balance == 4)
            #expect(try await log.snapshotCount() == 0)
            for _ in 1...28 {
                try await log.append([Self.moved(1)], to: stream, context: .test())
                _ = try await accounts.load("1", in: .default)
            }
            #expect(try await log.snapshotCount() == 4, "older ones go")
            // Without its events the state can only come from the snapshot.
            try await log.execute("UPDATE events SET data = \(Array("{}".utf8)) WHERE version <= 30")
            #expect(try await accounts.load("1", in: .default).state.balance == 32)
            #expect(try await accounts.load(stream, in: .default, upTo: .version(31)).state.balance == 31)
            #expect(try await accounts.load(stream, in: .default, upTo: .version(2)).state.balance == 0)
            let movements = Aggregates<Movements>(log)
            #expect(try await movements.load("1", in: .default).state.count == 32)
            try await log.execute("UPDATE snapshots SET state = \(Array("1000".utf8))")
            #expect(try await accounts.load("1", in: .default).state.balance == 2, "folded from the beginning")
        }
    }

    @Test("Looking at the past keeps nothing, and both sides of a change are one fold", arguments: TestDatabase.engines)
    func past(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let accounts = Aggregates<Account>(log, policy: SnapshotPolicy(events: 5, duration: .seconds(60)))
            let stream = StreamName("account", "1")
            #expect(try await accounts.changes(of: stream, in: .default) == nil)
            try await log.append((1...700).map { _ in Self.moved(1) }, to: stream, context: .test())
            for limit in [FoldLimit.version(699), .version(20), .time(ManualClock().now - .seconds(1))] {
                _ = try await accounts.load(stream, in: .default, upTo: limit)
            }
            _ = try await accounts.changes(of: stream, in: .default, from: 2, to: 600)
            #expect(try await log.snapshotCount() == 0)
            func versions(_ from: Int64?, _ to: Int64?) async throws -> [Int64] {
                let changes = try #require(
                    try await accounts.changes(of: stream, in: .default, from: from, to: to))
                for side in [changes.before, changes.after] { #expect(side.state.balance == side.version) }
                return [changes.before.version, changes.after.version]
            }
            #expect(try await versions(nil, nil) == [699, 700])
            #expect(try await log.snapshotCount() == 1)
            #expect(try await versions(3, 3) == [3, 3])
            #expect(try await versions(nil, 501) == [500, 501])
            #expect(try await versions(0, 900) == [0, 700])
            #expect(try await versions(700, nil) == [700, 700])
        }
    }

    @Test("Snapshots are counted at most every ten seconds", arguments: TestDatabase.engines)
    func counted(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let clock = ManualClock()
            let count = SnapshotCount(log, clock: clock)
            #expect(try await count.value == 0)
            let accounts = Aggregates<Account>(log, policy: SnapshotPolicy(events: 1))
            try await accounts.update("1", context: .test()) { _ in [Self.moved(1)] }
            #expect(try await log.snapshotCount() == 1)
            clock.advance(by: .seconds(9))
            #expect(try await count.value == 0)
            clock.advance(by: .seconds(1))
            #expect(try await count.value == 1)
        }
    }

    @Test(
        "A state is that of a version or a moment, and a history that is too long is refused",
        arguments: TestDatabase.engines)
    func limits(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let clock = ManualClock()
            let stream = StreamName("account", "1")
            for _ in 1...6 {
                clock.advance(by: .seconds(10))
                try await log.append([Self.moved(1)], to: stream, context: .test(time: clock.now))
            }
            let accounts = Aggregates<Account>(log)
            let start = ManualClock().now
            for (limit, version) in [
                (FoldLimit.version(0), 0), (.version(4), 4), (.version(9), 6), (.time(start), 0),
                (.time(start + .seconds(29)), 2), (.time(start + .seconds(30)), 3), (.end, 6),
            ] {
                let folded = try await accounts.load(stream, in: .default, upTo: limit)
                #expect(folded.version == version && folded.state.balance == version, "\(limit)")
            }
            let short = Aggregates<Account>(log, eventsMax: 5)
            #expect(await code { _ = try await short.load("1", in: .default) } == "event.history_too_long")
        }
    }

    @Test("Any stream has a state, and each of its values an event that has set it", arguments: TestDatabase.engines)
    func provenance(on engine: TestDatabase.Engine) async throws {
        try await withLog(engine) { log in
            let stream = StreamName("order", "1")
            let changes: [JSONValue] = [
                ["total": 1, "ship": ["city": "Bern", "zip": 3_000], "tags": ["a"]],
                ["total": 2, "ship": ["zip": .null, "box": [:]]],
                "no object",
                ["ship": ["box": ["size": 3], "city": "Bern"], "tags": .null],
            ]
            for change in changes {
                try await log.append([NewEvent("order.changed", data: change)], to: stream, context: .test())
            }
            func origins(_ limit: FoldLimit) async throws -> [String: Int64] {
                let origins = try await log.provenance(of: stream, in: .default, at: limit)
                return Dictionary(uniqueKeysWithValues: origins.map { ($0.pointer.description, $0.event.version) })
            }
            let states: [JSONValue] = [
                [:], ["total": 1, "ship": ["city": "Bern", "zip": 3_000], "tags": ["a"]],
                ["total": 2, "ship": ["city": "Bern", "box": [:]], "tags": ["a"]],
            ]
            for (version, state) in states.enumerated() {
                let folded = try #require(try await log.state(of: stream, in: .default, at: .version(Int64(version))))
                #expect(folded.state.value == state)
            }
            #expect(try await origins(.version(2)) == ["/total": 2, "/ship/city": 1, "/ship/box": 2, "/tags": 1])
            #expect(try await origins(.end) == ["/total": 2, "/ship/city": 4, "/ship/box/size": 4])
            let end = try await log.state(of: stream, in: .default)
            #expect(
                end?.state.value == ["total": 2, "ship": ["city": "Bern", "box": ["size": 3]]] && end?.version == 4)
            #expect(try await log.state(of: StreamName("order", "2"), in: .default) == nil)
            #expect(try await log.state(of: stream, in: WorkspaceID("other")) == nil)
        }
    }
}
