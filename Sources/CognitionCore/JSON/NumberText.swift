/// How doubles are written. Every style writes the shortest decimal digits that read back as the same double.
enum NumberText {
    /// As jq prints a computed number: `3`, `0.00012`, `1e-05`, `1e+17`, `1.7976931348623157e+308`; infinities become
    /// the largest finite double and NaN `null`.
    static func shortest(_ double: Double) -> String {
        var bytes: [UInt8] = []
        append(double, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    static func append(_ double: Double, to output: inout [UInt8]) {
        guard !double.isNaN else { return output.append(contentsOf: "null".utf8) }
        guard !appendCommon(double, to: &output) else { return }
        let digits = DecimalDigits(double.isFinite ? double : (double < 0 ? -1 : 1) * Double.greatestFiniteMagnitude)
        if digits.isNegative { output.append(UInt8(ascii: "-")) }
        if digits.point <= -4 || digits.point > digits.count + 15 {
            digits.appendScientific(exponentWidth: 2, to: &output)
        } else {
            digits.appendPlain(to: &output)
        }
    }

    /// As ECMAScript's `Number::toString` (ECMA-262, 6.1.6.1.20), which RFC 8785 demands; infinities as above.
    static func appendCanonical(_ double: Double, to output: inout [UInt8]) {
        guard double != 0, !double.isNaN else { return output.append(UInt8(ascii: "0")) }
        guard !appendCommon(double, to: &output) else { return }
        let digits = DecimalDigits(double.isFinite ? double : (double < 0 ? -1 : 1) * Double.greatestFiniteMagnitude)
        if digits.isNegative { output.append(UInt8(ascii: "-")) }
        if digits.point <= -6 || digits.point > 21 {
            digits.appendScientific(exponentWidth: 1, to: &output)
        } else {
            digits.appendPlain(to: &output)
        }
    }

    /// Writes a number of the size in which all styles agree, with each other and, but for `.0`, with the standard
    /// library.
    private static func appendCommon(_ double: Double, to output: inout [UInt8]) -> Bool {
        guard double.magnitude >= 1e-4, double.magnitude < 1e15 else { return false }
        output.append(contentsOf: double.description.utf8)
        if output.suffix(2).elementsEqual(".0".utf8) { output.removeLast(2) }
        return true
    }

    static func append(_ integer: Int64, to output: inout [UInt8]) {
        if integer < 0 { output.append(UInt8(ascii: "-")) }
        append(integer.magnitude, to: &output)
    }

    static func append(_ number: UInt64, to output: inout [UInt8]) {
        if number < 10 { return output.append(UInt8(ascii: "0") + UInt8(number)) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { buffer in
            var rest = number
            var start = 20
            while rest > 0 {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                start -= 1
                buffer[start] = UInt8(ascii: "0") + UInt8(digit)
                rest = quotient
            }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[start..<20]))
        }
    }
}

/// The shortest decimal digits of a finite double: its magnitude is `0.d1d2… · 10^point`.
struct DecimalDigits {
    private(set) var digits: [UInt8] = []
    private(set) var point = 0
    let isNegative: Bool

    var count: Int { digits.count }

    /// The standard library prints the shortest digits (SwiftDtoa); only their arrangement is redone here.
    init(_ double: Double) {
        isNegative = double.sign == .minus
        digits.reserveCapacity(24)
        var exponent = 0
        var hasPoint = false
        var bytes = double.magnitude.description.utf8.makeIterator()
        while let byte = bytes.next() {
            if byte == UInt8(ascii: ".") {
                hasPoint = true
            } else if byte == UInt8(ascii: "e") {
                var isBelowOne = false
                while let next = bytes.next() {
                    if next == UInt8(ascii: "-") { isBelowOne = true }
                    if next >= UInt8(ascii: "0") { exponent = exponent * 10 + Int(next - UInt8(ascii: "0")) }
                }
                if isBelowOne { exponent = -exponent }
            } else if byte != UInt8(ascii: "0") || !digits.isEmpty {
                digits.append(byte)
                if !hasPoint { point += 1 }
            } else if hasPoint {
                point -= 1
            }
        }
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        if digits.isEmpty {
            digits = [UInt8(ascii: "0")]
            point = 1
        } else {
            point += exponent
        }
    }

    func appendPlain(to output: inout [UInt8]) {
        if point <= 0 {
            output.append(UInt8(ascii: "0"))
            output.append(UInt8(ascii: "."))
            output.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: -point))
            output.append(contentsOf: digits)
        } else if point >= count {
            output.append(contentsOf: digits)
            output.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: point - count))
        } else {
            output.append(contentsOf: digits[..<point])
            output.append(UInt8(ascii: "."))
            output.append(contentsOf: digits[point...])
        }
    }

    func appendScientific(exponentWidth: Int, to output: inout [UInt8]) {
        output.append(digits[0])
        if count > 1 {
            output.append(UInt8(ascii: "."))
            output.append(contentsOf: digits[1...])
        }
        let exponent = point - 1
        output.append(UInt8(ascii: "e"))
        output.append(UInt8(ascii: exponent < 0 ? "-" : "+"))
        if exponent.magnitude < 10, exponentWidth > 1 { output.append(UInt8(ascii: "0")) }
        NumberText.append(UInt64(exponent.magnitude), to: &output)
    }
}
