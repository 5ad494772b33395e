import CognitionCore

extension PriceTable {
    /// The providers' public list prices of the standard service tier, in US dollars, as of 2026-10-27.
    ///
    /// Sources: https://developers.openai.com/api/docs/pricing, https://platform.claude.com/docs/en/about-claude/pricing.
    /// The first day of a model is about that of its release; later ones are the days on which its price changed.
    ///
    /// Not in it: batch and priority tiers, regional surcharges, cache lifetimes other than the standard one, tools that
    /// are charged per use, and discounts that somebody has agreed on.
    package static let list = PriceTable(local + openAI + anthropic)

    private static let local = [
        ModelPrice(
            provider: ExtractiveProvider.name, pattern: .model(ExtractiveProvider.model),
            validFrom: Timestamp(microseconds: 0), rates: .free)
    ]

    /// A request above 272,000 tokens of input costs twice the input rates and one and a half times the output rate.
    private static let openAI: [ModelPrice] = [
        line("gpt-6.1-sol", from: (2026, 9, 29), rates(2_000_000, 100_000, 2_500_000, 10_000_000), isLong: true),
        line("gpt-6.1-terra", from: (2026, 10, 26), rates(1_000_000, 50_000, 1_250_000, 5_000_000), isLong: true),
        line("gpt-6-astra", from: (2026, 9, 3), rates(10_000_000, 1_000_000, 12_500_000, 50_000_000), isLong: true),
        line("gpt-6-sol", from: (2026, 9, 22), rates(2_000_000, 200_000, 2_500_000, 10_000_000), isLong: true),
        line("gpt-6-luna", from: (2026, 9, 22), rates(100_000, 10_000, 125_000, 500_000), isLong: true),
        // `gpt-5.6` is another name of `gpt-5.6-sol`.
        line("gpt-5.6", from: (2026, 7, 9), rates(5_000_000, 500_000, 6_250_000, 30_000_000), isLong: true),
        line("gpt-5.6", from: (2026, 8, 21), rates(4_000_000, 400_000, 5_000_000, 20_000_000), isLong: true),
        line("gpt-5.6-sol", from: (2026, 7, 9), rates(5_000_000, 500_000, 6_250_000, 30_000_000), isLong: true),
        line("gpt-5.6-sol", from: (2026, 8, 21), rates(4_000_000, 400_000, 5_000_000, 20_000_000), isLong: true),
        line("gpt-5.6-terra", from: (2026, 7, 9), rates(2_500_000, 250_000, 3_125_000, 15_000_000), isLong: true),
        line("gpt-5.6-terra", from: (2026, 7, 30), rates(2_000_000, 200_000, 2_500_000, 12_000_000), isLong: true),
        line("gpt-5.6-luna", from: (2026, 7, 9), rates(1_000_000, 100_000, 1_250_000, 6_000_000), isLong: true),
        line("gpt-5.6-luna", from: (2026, 7, 30), rates(200_000, 20_000, 250_000, 1_200_000), isLong: true),
        line("gpt-5.5", from: (2026, 4, 23), rates(5_000_000, 500_000, nil, 30_000_000), isLong: true),
        line("gpt-5.4", from: (2026, 3, 5), rates(2_500_000, 250_000, nil, 15_000_000), isLong: true),
        line("gpt-5.4-mini", from: (2026, 3, 17), rates(750_000, 75_000, nil, 4_500_000)),
        line("gpt-5.4-nano", from: (2026, 3, 17), rates(200_000, 20_000, nil, 1_250_000)),
        line("gpt-5.2", from: (2025, 12, 11), rates(1_750_000, 175_000, nil, 14_000_000)),
        line("gpt-5.1", from: (2025, 11, 13), rates(1_250_000, 125_000, nil, 10_000_000)),
        line("gpt-5", from: (2025, 8, 7), rates(1_250_000, 125_000, nil, 10_000_000)),
        line("gpt-5-mini", from: (2025, 8, 7), rates(250_000, 25_000, nil, 2_000_000)),
        line("gpt-5-nano", from: (2025, 8, 7), rates(50_000, 5_000, nil, 400_000)),
        line("gpt-4.1", from: (2025, 4, 14), rates(2_000_000, 500_000, nil, 8_000_000)),
        line("gpt-4.1-mini", from: (2025, 4, 14), rates(400_000, 100_000, nil, 1_600_000)),
        line("gpt-4.1-nano", from: (2025, 4, 14), rates(100_000, 25_000, nil, 400_000)),
        line("gpt-4o", from: (2024, 11, 20), rates(2_500_000, 1_250_000, nil, 10_000_000)),
        line("gpt-4o-2024-05-13", from: (2024, 5, 13), rates(5_000_000, 5_000_000, nil, 15_000_000)),
        line("gpt-4o-mini", from: (2024, 10, 1), rates(150_000, 75_000, nil, 600_000)),
        line("o3", from: (2025, 6, 10), rates(2_000_000, 500_000, nil, 8_000_000)),
        line("o4-mini", from: (2025, 4, 16), rates(1_100_000, 275_000, nil, 4_400_000)),
        line("o3-mini", from: (2025, 1, 31), rates(1_100_000, 550_000, nil, 4_400_000)),
    ]

    private static let anthropic: [ModelPrice] = [
        line("claude-fable-5-1", from: (2026, 9, 1), rates(10_000_000, 250_000, 12_500_000, 50_000_000)),
        line("claude-fable-5", from: (2026, 6, 10), rates(10_000_000, 1_000_000, 12_500_000, 50_000_000)),
        line("claude-opus-5-5", from: (2026, 9, 22), rates(4_000_000, 200_000, 5_000_000, 20_000_000)),
        line("claude-opus-5", from: (2026, 7, 25), rates(5_000_000, 500_000, 6_250_000, 25_000_000)),
        line("claude-opus-4-8", from: (2026, 6, 4), rates(5_000_000, 500_000, 6_250_000, 25_000_000)),
        line("claude-opus-4-7", from: (2026, 3, 1), rates(5_000_000, 500_000, 6_250_000, 25_000_000)),
        line("claude-opus-4-6", from: (2026, 1, 1), rates(5_000_000, 500_000, 6_250_000, 25_000_000)),
        line("claude-opus-4-5", from: (2025, 11, 1), rates(5_000_000, 500_000, 6_250_000, 25_000_000)),
        line("claude-opus-4-1", from: (2025, 8, 5), rates(15_000_000, 1_500_000, 18_750_000, 75_000_000)),
        line("claude-opus-4", from: (2025, 5, 14), rates(15_000_000, 1_500_000, 18_750_000, 75_000_000)),
        line("claude-opus-4-0", from: (2025, 5, 14), rates(15_000_000, 1_500_000, 18_750_000, 75_000_000)),
        line("claude-sonnet-5-5", from: (2026, 9, 1), rates(2_000_000, 200_000, 2_500_000, 10_000_000)),
        line("claude-sonnet-5-5", from: (2026, 10, 7), rates(2_000_000, 100_000, 2_500_000, 10_000_000)),
        line("claude-sonnet-5", from: (2026, 6, 30), rates(2_000_000, 200_000, 2_500_000, 10_000_000)),
        line("claude-sonnet-4-6", from: (2026, 1, 1), rates(3_000_000, 300_000, 3_750_000, 15_000_000)),
        line("claude-sonnet-4-5", from: (2025, 9, 29), rates(3_000_000, 300_000, 3_750_000, 15_000_000)),
        line("claude-sonnet-4", from: (2025, 5, 14), rates(3_000_000, 300_000, 3_750_000, 15_000_000)),
        line("claude-sonnet-4-0", from: (2025, 5, 14), rates(3_000_000, 300_000, 3_750_000, 15_000_000)),
        ModelPrice(
            provider: "anthropic", pattern: .model("claude-haiku-5-5"), validFrom: day((2026, 10, 7)),
            rates: rates(100_000, 10_000, 125_000, 500_000),
            longPrompt: .init(inputTokens: 100_000, rates: rates(500_000, 50_000, 625_000, 2_500_000))),
        line("claude-haiku-4-5", from: (2025, 10, 1), rates(1_000_000, 100_000, 1_250_000, 5_000_000)),
    ]

    // MARK: Short words for the lists above

    private typealias Day = (year: Int64, month: Int64, day: Int64)

    private static func line(_ model: String, from start: Day, _ rates: TokenRates, isLong: Bool = false) -> ModelPrice
    {
        ModelPrice(
            provider: model.hasPrefix("claude") ? "anthropic" : "openai", pattern: .model(model), validFrom: day(start),
            rates: rates,
            longPrompt: isLong
                ? .init(inputTokens: 272_000, rates: rates.scaled(inputPercent: 200, outputPercent: 150)) : nil)
    }

    /// Input, cached input, cache write, output.
    private static func rates(_ input: Int64, _ cached: Int64, _ cacheWrite: Int64?, _ output: Int64) -> TokenRates {
        TokenRates(input: input, cached: cached, cacheWrite: cacheWrite, output: output)
    }

    private static func day(_ day: Day) -> Timestamp {
        Timestamp(
            microseconds: Timestamp.days(fromCivil: day.year, month: day.month, day: day.day) * 86_400_000_000)
    }
}
