import CognitionCore
import CognitionLanguageModels
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct UsageLedgerTests {
    private let clock = ManualClock()
    private let ids: UUIDGenerator
    private let home = WorkspaceID("home")

    init() { ids = UUIDGenerator(clock: clock, random: SplitMix64(seed: 1)) }

    private func call(
        _ provider: String = "openai", _ model: String = "m", outcome: ModelCall.Outcome = .completed,
        usage: Completion.Usage? = .init(
            inputTokens: 10, outputTokens: 5, cachedTokens: 4, cacheWriteTokens: 2, reasoningTokens: 3),
        micros: Int64 = 7, isPriced: Bool = true
    ) -> ModelCall {
        defer { clock.advance(by: .seconds(1)) }
        return ModelCall(
            id: ids.next(), attempt: 1, provider: provider, model: model, outcome: outcome,
            errorCode: outcome == .failed ? "llm.rate_limited" : nil, usage: usage,
            quote: .init(
                cost: Money(micros: micros, currency: "USD"),
                validFrom: isPriced ? Timestamp(microseconds: 1_000) : nil),
            providerRequestID: "req", startedAt: clock.now, duration: .microseconds(1_234))
    }

    private func record(
        _ calls: [ModelCall], for context: UsageLedger.Context, in database: any Database
    ) async throws {
        try await database.write { tx in try UsageLedger.record(calls, for: context, in: tx) }
    }

    @Test("What is recorded is read as it was, and a repetition changes nothing", arguments: TestDatabase.engines)
    func roundTrip(_ engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: LanguageModels.migrations) { database in
            let context = UsageLedger.Context(workspace: home, execution: ids.next(), task: 3)
            let calls = [
                call(outcome: .failed, usage: nil, micros: 0, isPriced: false), call(outcome: .cancelled), call(),
            ]
            try await record(calls, for: context, in: database)
            var changed = calls
            changed[0].model = "other"
            try await record(changed, for: context, in: database)
            let page = try await database.read { tx in try UsageLedger.page(limit: 50, in: home, tx) }
            #expect(page.items.map(\.call) == calls.reversed() && page.next == nil)
            #expect(page.items.allSatisfy { $0.context == context })
        }
    }

    @Test("Pages follow one another, newest first, within a workspace", arguments: TestDatabase.engines)
    func pages(_ engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: LanguageModels.migrations) { database in
            let calls = (0..<5).map { _ in call() }
            try await record(calls, for: .init(workspace: home), in: database)
            try await record([call()], for: .init(workspace: WorkspaceID("away")), in: database)
            var read: [ModelCall.ID] = []
            var cursor: ModelCall.ID?
            var sizes: [Int] = []
            repeat {
                let before = cursor
                let page = try await database.read { tx in
                    try UsageLedger.page(before: before, limit: 2, in: home, tx)
                }
                read += page.items.map(\.call.id)
                sizes.append(page.items.count)
                cursor = page.next
            } while cursor != nil
            #expect(read == calls.map(\.id).reversed() && sizes == [2, 2, 1])
            let least = try await database.read { tx in try UsageLedger.page(limit: -1, in: home, tx).items.count }
            #expect(least == 1)
        }
    }

    @Test("A filter selects by execution, provider, model and time", arguments: TestDatabase.engines)
    func filters(_ engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: LanguageModels.migrations) { database in
            let execution: UUIDv7 = ids.next()
            let (first, second, third) = (call("a", "x"), call("b", "x"), call("b", "y"))
            try await record([first], for: .init(workspace: home), in: database)
            try await record([second, third], for: .init(workspace: home, execution: execution, task: 1), in: database)
            func found(_ filter: UsageLedger.Filter) async throws -> [ModelCall.ID] {
                try await database.read { tx in
                    try UsageLedger.page(filter, limit: 9, in: home, tx).items.map(\.call.id)
                }
            }
            #expect(try await found(.init(execution: execution)) == [third.id, second.id])
            #expect(try await found(.init(provider: "a")) == [first.id])
            #expect(try await found(.init(model: "x")) == [second.id, first.id])
            #expect(try await found(.init(since: third.startedAt)) == [third.id])
            #expect(try await found(.init(execution: execution, provider: "b", model: "x")) == [second.id])
        }
    }

    @Test("Totals count what was used, what failed and what has no price", arguments: TestDatabase.engines)
    func totals(_ engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: LanguageModels.migrations) { database in
            let old = call("a", "x", micros: 1_000)
            let calls = [
                call("a", "x"), call("a", "x", outcome: .failed, usage: nil, micros: 0), call("a", "y", micros: 100),
                call("b", "x", micros: 0, isPriced: false),
            ]
            try await record([old] + calls, for: .init(workspace: home), in: database)
            try await record([call("a", "x")], for: .init(workspace: WorkspaceID("away")), in: database)
            let since = UsageLedger.Filter(since: calls[0].startedAt)
            let totals = try await database.read { tx in try UsageLedger.totals(since, in: home, tx) }
            let usage = Completion.Usage(
                inputTokens: 10, outputTokens: 5, cachedTokens: 4, cacheWriteTokens: 2, reasoningTokens: 3)
            #expect(totals.map { "\($0.provider) \($0.model)" } == ["a y", "a x", "b x"])
            #expect(totals.map(\.calls) == [1, 2, 1] && totals.map(\.failures) == [0, 1, 0])
            #expect(totals.map(\.unpriced) == [0, 0, 1] && totals.map(\.cost.micros) == [100, 7, 0])
            #expect(totals.allSatisfy { $0.usage == usage && $0.cost.currency == "USD" })
            let all = try await database.read { tx in try UsageLedger.totals(in: home, tx).first?.cost.micros }
            #expect(all == 1_007)
        }
    }

    @Test("Names that a provider chose are kept without control characters", arguments: TestDatabase.engines)
    func controls(_ engine: TestDatabase.Engine) async throws {
        let told = ModelCall(
            id: ids.next(), attempt: 1, provider: "a", model: "m\u{0}\n1", outcome: .completed, usage: nil,
            quote: .init(cost: .zero("USD"), validFrom: nil), providerRequestID: "r\u{0}\u{1B}é\u{7F}",
            startedAt: clock.now, duration: .zero)
        #expect(told.model == "m1" && told.providerRequestID == "ré")
        try await withTestDatabase(engine, migrations: LanguageModels.migrations) { database in
            try await record([told], for: .init(workspace: home), in: database)
            #expect(try await database.read { tx in try UsageLedger.page(limit: 9, in: home, tx).items.count } == 1)
        }
    }

    @Test("Names that a provider chose are cut at whole characters")
    func bounds() {
        let long = call("a", String(repeating: "é", count: 100))
        #expect(long.model == String(repeating: "é", count: 64))
        #expect([call(micros: 3), call(micros: 4)].cost == Money(micros: 7, currency: "USD"))
        #expect([ModelCall]().cost == nil)
    }
}
