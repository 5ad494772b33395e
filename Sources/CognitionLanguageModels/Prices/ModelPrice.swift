package import CognitionCore

/// What a million tokens of each kind cost, in micros of a US dollar.
package struct TokenRates: Sendable, Hashable {
    /// Read, neither from a cache nor into one.
    package var input: Int64
    /// Read from the provider's cache.
    package var cached: Int64
    /// Written into the provider's cache, at its standard lifetime.
    package var cacheWrite: Int64
    /// Made, reasoning included.
    package var output: Int64

    /// - Parameter cacheWrite: `nil` where the provider charges nothing extra for it.
    package init(input: Int64, cached: Int64, cacheWrite: Int64? = nil, output: Int64) {
        self.input = input
        self.cached = cached
        self.cacheWrite = cacheWrite ?? input
        self.output = output
    }

    package static let free = TokenRates(input: 0, cached: 0, output: 0)

    func scaled(inputPercent: Int64, outputPercent: Int64) -> TokenRates {
        TokenRates(
            input: input * inputPercent / 100, cached: cached * inputPercent / 100,
            cacheWrite: cacheWrite * inputPercent / 100, output: output * outputPercent / 100)
    }
}

/// One line of a price list: what a model costs from some day on.
package struct ModelPrice: Sendable, Hashable {
    /// Other rates for a request whose input is longer than `inputTokens`; they hold for the whole of it.
    package struct LongPrompt: Sendable, Hashable {
        package var inputTokens: Int
        package var rates: TokenRates
    }

    package enum Pattern: Sendable, Hashable {
        /// The model of that name, and its snapshots: the name with a date behind it, as `-2026-03-05` or `-20260305`.
        case model(String)
        /// Every model whose name begins so.
        case prefix(String)
    }

    package var provider: String
    package var pattern: Pattern
    /// Midnight UTC.
    package var validFrom: Timestamp
    package var rates: TokenRates
    package var longPrompt: LongPrompt?

    package init(
        provider: String, pattern: Pattern, validFrom: Timestamp, rates: TokenRates, longPrompt: LongPrompt? = nil
    ) {
        self.provider = provider
        self.pattern = pattern
        self.validFrom = validFrom
        self.rates = rates
        self.longPrompt = longPrompt
    }

    /// How exactly the pattern names the model; `nil` when it does not.
    func fit(to model: String) -> Int? {
        switch pattern {
        case .model(let name):
            if model == name { return .max }
            guard model.hasPrefix(name), Self.isSnapshot(model.utf8.dropFirst(name.utf8.count)) else { return nil }
            return .max - 1
        case .prefix(let start):
            return model.hasPrefix(start) ? start.utf8.count : nil
        }
    }

    /// A dash and a date of eight digits, with dashes or without.
    private static func isSnapshot(_ suffix: Substring.UTF8View) -> Bool {
        let dash = UInt8(ascii: "-")
        let isDigit: (UInt8) -> Bool = { (0x30...0x39).contains($0) }
        guard suffix.first == dash else { return false }
        let date = Array(suffix.dropFirst())
        switch date.count {
        case 8: return date.allSatisfy(isDigit)
        case 10: return date[4] == dash && date[7] == dash && date.filter(isDigit).count == 8
        default: return false
        }
    }

    /// Rounded up to a micro of a dollar, once for the whole call.
    func cost(of usage: Completion.Usage) -> Int64 {
        let total = max(0, usage.inputTokens)
        let cached = min(max(0, usage.cachedTokens), total)
        let written = min(max(0, usage.cacheWriteTokens), total - cached)
        let rates = longPrompt.map { total > $0.inputTokens ? $0.rates : self.rates } ?? self.rates
        // 128 bits hold any product of two 64-bit numbers and the sum of four of them.
        let sum =
            Int128(total - cached - written) * Int128(rates.input) + Int128(cached) * Int128(rates.cached)
            + Int128(written) * Int128(rates.cacheWrite) + Int128(max(0, usage.outputTokens)) * Int128(rates.output)
        return Int64(clamping: (sum + 999_999) / 1_000_000)
    }
}
