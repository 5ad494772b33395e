package import CognitionCore

/// What calls cost, by provider, model and day.
///
/// A model that the table does not know costs nothing and is marked as unpriced: a guess would look like knowledge.
package struct PriceTable: Sendable {
    /// What a call cost, and by which price.
    package struct Quote: Sendable, Hashable {
        package var cost: Money
        /// The day from which the price holds; `nil` when the table has none for the model.
        package var validFrom: Timestamp?

        package init(cost: Money, validFrom: Timestamp?) {
            self.cost = cost
            self.validFrom = validFrom
        }

        package var isPriced: Bool { validFrom != nil }
    }

    package static let currency = "USD"

    private let byProvider: [String: [ModelPrice]]

    package init(_ prices: [ModelPrice]) { byProvider = Dictionary(grouping: prices, by: \.provider) }

    /// The price that holds at a moment: of those for the model that have begun, the one that names it most exactly, then
    /// the latest.
    package func price(of model: String, at provider: String, on moment: Timestamp) -> ModelPrice? {
        var best: (price: ModelPrice, fit: Int)?
        for price in byProvider[provider] ?? [] where price.validFrom <= moment {
            guard let fit = price.fit(to: model) else { continue }
            guard let known = best else {
                best = (price, fit)
                continue
            }
            if (fit, price.validFrom) > (known.fit, known.price.validFrom) { best = (price, fit) }
        }
        return best?.price
    }

    /// - Parameter usage: `nil` when the call ended before anything is known to have been used; it then costs nothing.
    package func quote(
        _ usage: Completion.Usage?, of model: String, at provider: String, on moment: Timestamp
    ) -> Quote {
        let price = price(of: model, at: provider, on: moment)
        let micros = price.flatMap { price in usage.map(price.cost(of:)) } ?? 0
        return Quote(cost: Money(micros: micros, currency: PriceTable.currency), validFrom: price?.validFrom)
    }
}
