import CognitionCore

/// A JSON number as it is written, `mantissa · 10^exponent`, for questions that doubles answer wrongly.
struct DecimalNumber {
    /// Without trailing zeros in base ten; 0 has exponent 0.
    let mantissa: UInt128
    let exponent: Int

    /// The magnitude of a number; `nil` for other types and for more than 38 significant digits.
    init?(_ value: JSONValue) {
        guard value.doubleValue != nil else { return nil }
        var mantissa: UInt128 = 0
        var exponent = 0
        var zeros = 0
        var hasPoint = false
        var rest = value.jsonText.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "-"): break
            case UInt8(ascii: "."): hasPoint = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                let isNegative = rest.first == UInt8(ascii: "-")
                let digits = String(Substring(rest.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }))
                // An exponent beyond all reason is as good as another one.
                let size = min(Int(digits) ?? .max, 1 << 40)
                exponent += isNegative ? -size : size
                rest = rest[rest.endIndex...]
            default:
                if hasPoint { exponent -= 1 }
                zeros += 1
                guard byte != UInt8(ascii: "0") else { continue }
                for digit in Array(repeating: 0, count: mantissa == 0 ? 0 : zeros - 1) + [
                    UInt128(byte - UInt8(ascii: "0"))
                ] {
                    let (scaled, overflow) = mantissa.multipliedReportingOverflow(by: 10)
                    let (sum, spilled) = scaled.addingReportingOverflow(digit)
                    guard !overflow, !spilled else { return nil }
                    mantissa = sum
                }
                zeros = 0
            }
        }
        self.mantissa = mantissa
        self.exponent = mantissa == 0 ? 0 : exponent + zeros
    }

    var isWhole: Bool { exponent >= 0 }

    /// Whether the number is a whole multiple of `factor`, which is not zero; exact.
    func isMultiple(of factor: DecimalNumber) -> Bool {
        guard mantissa != 0 else { return true }
        guard exponent < factor.exponent else {
            // mantissa · 10^k mod factor.mantissa, by squaring.
            var remainder = mantissa % factor.mantissa
            var power = 10 % factor.mantissa
            var rest = exponent - factor.exponent
            while rest > 0, remainder != 0 {
                if rest & 1 == 1 { remainder = DecimalNumber.product(remainder, power, modulo: factor.mantissa) }
                power = DecimalNumber.product(power, power, modulo: factor.mantissa)
                rest >>= 1
            }
            return remainder == 0
        }
        // The mantissa would have to be divisible by a power of ten, and has no trailing zeros beyond its 38 digits.
        guard factor.exponent - exponent <= 38 else { return false }
        var divisor = factor.mantissa
        for _ in 0..<factor.exponent - exponent {
            let (scaled, overflow) = divisor.multipliedReportingOverflow(by: 10)
            guard !overflow else { return false }
            divisor = scaled
        }
        return mantissa % divisor == 0
    }

    private static func product(_ left: UInt128, _ right: UInt128, modulo: UInt128) -> UInt128 {
        let (high, low) = left.multipliedFullWidth(by: right)
        // `high` is below `modulo` because both factors are.
        return modulo.dividingFullWidth((high, low)).remainder
    }
}
