import Foundation

extension [Double] {
    /// The value that the part `share` (0...1) of the values does not exceed; 0 for none.
    func percentile(_ share: Double) -> Double {
        guard !isEmpty else { return 0 }
        return sorted()[Swift.min(count - 1, Int(Double(count) * share))]
    }

    var median: Double { percentile(0.5) }

    /// The mean of ratios.
    var geometricMean: Double {
        isEmpty ? 0 : exp(reduce(0) { $0 + log($1) } / Double(count))
    }
}

extension Double {
    /// Thousands apart: `12,345`.
    var grouped: String {
        var digits = String(Int(rounded()))
        var place = digits.count - 3
        while place > 0 {
            digits.insert(",", at: digits.index(digits.startIndex, offsetBy: place))
            place -= 3
        }
        return digits
    }

    func digits(_ count: Int) -> String { String(format: "%.\(count)f", self) }

    /// `0.84` as `84 %`.
    var percent: String { (self * 100).digits(0) + " %" }
}
