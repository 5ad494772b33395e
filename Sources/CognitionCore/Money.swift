/// An amount of money: whole millionths of a currency's main unit (1 USD = 1,000,000 micros), never a float.
package struct Money: Sendable, Hashable {
    package let micros: Int64
    /// ISO 4217, three capital letters.
    package let currency: String

    /// - Parameter currency: ISO 4217, three capital letters; anything else is a broken invariant of the caller.
    package init(micros: Int64, currency: String) {
        precondition(Money.isCurrency(currency), "A currency is three capital letters (ISO 4217).")
        self.micros = micros
        self.currency = currency
    }

    package static func zero(_ currency: String) -> Money { Money(micros: 0, currency: currency) }

    package static func isCurrency(_ text: String) -> Bool {
        text.utf8.count == 3 && text.utf8.allSatisfy { (0x41...0x5A).contains($0) }
    }

    /// The sum, or `nil` when the currencies differ or the sum leaves the range of `Int64`.
    package func adding(_ other: Money) -> Money? {
        guard currency == other.currency else { return nil }
        let (sum, overflow) = micros.addingReportingOverflow(other.micros)
        return overflow ? nil : Money(micros: sum, currency: currency)
    }
}

extension Money {
    /// `{micros, currency}`, as on the wire.
    package var json: JSONValue { ["micros": .integer(micros), "currency": .string(currency)] }

    /// Reads `{micros, currency}`; `nil` for anything else, an unknown member included.
    package init?(json: JSONValue) {
        guard case .object(let members) = json, members.count == 2, let micros = members["micros"]?.integerValue,
            let currency = members["currency"]?.stringValue, Money.isCurrency(currency)
        else { return nil }
        self.init(micros: micros, currency: currency)
    }
}

extension Money: CustomStringConvertible {
    /// `12.5 USD`: the shortest exact decimal, at most six fraction digits.
    package var description: String {
        let (whole, fraction) = micros.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
        var digits = String(fraction + 1_000_000).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return (micros < 0 ? "-" : "") + String(whole) + (digits.isEmpty ? "" : ".\(digits)") + " \(currency)"
    }
}
