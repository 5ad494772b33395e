import CognitionCore
import CognitionLanguageModels
import Testing

@Suite struct PriceTableTests {
    private static func day(_ year: Int64, _ month: Int64, _ day: Int64) -> Timestamp {
        Timestamp(microseconds: Timestamp.days(fromCivil: year, month: month, day: day) * 86_400_000_000)
    }

    private let now = day(2026, 11, 21)

    private func cost(
        _ provider: String, _ model: String, _ input: Int, _ output: Int, cached: Int = 0, written: Int = 0,
        on moment: Timestamp? = nil
    ) -> PriceTable.Quote {
        PriceTable.list.quote(
            .init(inputTokens: input, outputTokens: output, cachedTokens: cached, cacheWriteTokens: written), of: model,
            at: provider, on: moment ?? now)
    }

    @Test(
        "Costs worked out by hand",
        arguments: [
            // 1,000 · 5 + 200 · 25 dollars per million = 5,000 + 5,000 micros
            ("anthropic", "claude-opus-4-6", 1_000, 200, 0, 0, 10_000),
            // 300 plain · 3 + 600 cached · 0.30 + 100 written · 3.75 + 50 · 15 = 900 + 180 + 375 + 750
            ("anthropic", "claude-sonnet-4-6", 1_000, 50, 600, 100, 2_205),
            // 1,000 · 0.75 + 10 · 4.50 = 750 + 45
            ("openai", "gpt-5.4-mini", 1_000, 10, 0, 0, 795),
            // 400 plain · 2 + 600 cached · 0.50 + 10 · 8 = 800 + 300 + 80
            ("openai", "gpt-4.1", 1_000, 10, 600, 0, 1_180),
            // No charge of its own for writing: 1,000 · 1.25 + 0
            ("openai", "gpt-5", 1_000, 0, 0, 1_000, 1_250),
            ("local", "extractive-textrank-1", 1_000_000, 1_000_000, 0, 0, 0),
        ] as [(String, String, Int, Int, Int, Int, Int64)])
    func byHand(
        _ provider: String, _ model: String, _ input: Int, _ output: Int, _ cached: Int, _ written: Int,
        _ micros: Int64
    ) {
        let quote = cost(provider, model, input, output, cached: cached, written: written)
        #expect(quote.cost == Money(micros: micros, currency: "USD") && quote.isPriced)
    }

    @Test("A part of a micro is a micro, once for the whole call")
    func rounding() {
        // 0.05 + 0.4 micros
        #expect(cost("openai", "gpt-5-nano", 1, 1).cost.micros == 1)
        // 20 · 0.05 = 1 exactly
        #expect(cost("openai", "gpt-5-nano", 20, 0).cost.micros == 1)
        #expect(cost("openai", "gpt-5-nano", 21, 0).cost.micros == 2)
        #expect(cost("openai", "gpt-5-nano", 0, 0).cost.micros == 0)
    }

    @Test("A long prompt has other rates, for all of it, from the first token above the limit")
    func longPrompts() {
        // 272,000 · 2.50 + 100 · 15 = 680,000 + 1,500
        #expect(cost("openai", "gpt-5.4", 272_000, 100).cost.micros == 681_500)
        // 272,001 · 5 + 100 · 22.50 = 1,360,005 + 2,250
        #expect(cost("openai", "gpt-5.4", 272_001, 100).cost.micros == 1_362_255)
        // 100,000 · 0.10 = 10,000; 100,001 · 0.50 = 50,000.5
        #expect(cost("anthropic", "claude-haiku-5-5", 100_000, 0).cost.micros == 10_000)
        #expect(cost("anthropic", "claude-haiku-5-5", 100_001, 0).cost.micros == 50_001)
    }

    @Test("The price of the day holds")
    func days() {
        let start = Self.day(2026, 10, 7)
        let before = start - .microseconds(1)
        // 1,000 cached: 0.20 a million before, 0.10 from that day
        #expect(cost("anthropic", "claude-sonnet-5-5", 1_000, 0, cached: 1_000, on: before).cost.micros == 200)
        let quote = cost("anthropic", "claude-sonnet-5-5", 1_000, 0, cached: 1_000, on: start)
        #expect(quote.cost.micros == 100 && quote.validFrom == start)
        #expect(!cost("anthropic", "claude-haiku-5-5", 1, 1, on: before).isPriced)
    }

    @Test(
        "A model is itself and its dated snapshots, nothing that only begins like it",
        arguments: [
            ("gpt-5", true), ("gpt-5-2025-08-07", true), ("gpt-5-codex", false), ("gpt-50", false),
            ("gpt-5-2025-08-0x", false), ("gpt-5-20250807x", false), ("gpt-5-", false), ("GPT-5", false),
            ("gpt-5-mini-2025-08-07", true),
        ])
    func names(_ model: String, _ isKnown: Bool) {
        #expect(cost("openai", model, 1, 1).isPriced == isKnown)
        #expect(cost("anthropic", "claude-sonnet-4-5-20250929", 1_000_000, 0).cost.micros == 3_000_000)
        #expect(cost("openai", "gpt-5-mini-2025-08-07", 1_000_000, 0).cost.micros == 250_000)
        #expect(cost("openai", "gpt-4o-2024-05-13", 1_000_000, 0).cost.micros == 5_000_000)
    }

    @Test("The more exact line wins, then the later one; nobody else's prices count")
    func precedence() {
        func line(_ provider: String, _ pattern: ModelPrice.Pattern, _ from: Timestamp, _ input: Int64) -> ModelPrice {
            .init(
                provider: provider, pattern: pattern, validFrom: from, rates: .init(input: input, cached: 0, output: 0))
        }
        let (early, late) = (Self.day(2026, 1, 1), Self.day(2026, 6, 1))
        let table = PriceTable([
            line("p", .prefix("m-"), late, 1), line("p", .model("m-1"), early, 2), line("p", .prefix("m-2"), early, 3),
            line("p", .prefix("m-2"), late, 4), line("q", .prefix(""), late, 5),
        ])
        func rate(_ model: String, _ moment: Timestamp) -> Int64? {
            table.price(of: model, at: "p", on: moment)?.rates.input
        }
        #expect(rate("m-1", now) == 2 && rate("m-9", now) == 1 && rate("m-9", early) == nil)
        #expect(rate("m-20", now) == 4 && rate("m-20", early) == 3 && rate("n", now) == nil)
    }

    @Test("What makes no sense costs no sense: more cached than read, negative, beyond all bounds")
    func nonsense() {
        #expect(cost("openai", "gpt-4.1", 100, 0, cached: 500, written: 500).cost.micros == 50)
        #expect(cost("openai", "gpt-4.1", -5, -5, cached: -1).cost.micros == 0)
        #expect(cost("anthropic", "claude-opus-4-1", .max, .max).cost.micros == .max)
        let nothing = PriceTable.list.quote(nil, of: "gpt-5", at: "openai", on: now)
        #expect(nothing.cost.micros == 0 && nothing.isPriced)
        let unknown = cost("openai", "my-model", 1_000, 1_000)
        #expect(unknown.cost == .zero("USD") && !unknown.isPriced)
    }
}
