import CognitionCore

/// Compact JSON, written member by member.
struct JSONBytes {
    private(set) var bytes: [UInt8] = []
    /// Something stands before in the same object or array.
    private var needsComma = false

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    mutating func open(_ bracket: Unicode.Scalar) {
        bytes.append(UInt8(ascii: bracket))
        needsComma = false
    }

    mutating func close(_ bracket: Unicode.Scalar) {
        bytes.append(UInt8(ascii: bracket))
        needsComma = true
    }

    /// Before each value of an array.
    mutating func element() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    /// A value of an array, after ``element()``.
    mutating func value(_ json: [UInt8]) { bytes.append(contentsOf: json) }

    /// - Parameter name: Needs no escapes.
    mutating func name(_ name: StaticString) {
        element()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    mutating func member(_ name: StaticString, text: String) {
        self.name(name)
        JSONValue.string(text).writeJSON(into: &bytes)
    }

    mutating func member(_ name: StaticString, _ number: Int64) {
        self.name(name)
        JSONValue.integer(number).writeJSON(into: &bytes)
    }

    mutating func member(_ name: StaticString, json: [UInt8]) {
        self.name(name)
        bytes.append(contentsOf: json)
    }

    mutating func member(_ name: StaticString, moment: Timestamp?) {
        self.name(name)
        guard let moment else { return JSONValue.null.writeJSON(into: &bytes) }
        bytes.append(UInt8(ascii: "\""))
        append(moment)
        bytes.append(UInt8(ascii: "\""))
    }

    /// As `Timestamp.description` has it, without a string for each part.
    private mutating func append(_ moment: Timestamp) {
        guard (0..<Self.year10000).contains(moment.microseconds) else {
            return bytes.append(contentsOf: moment.description.utf8)
        }
        let (days, inDay) = moment.microseconds.quotientAndRemainder(dividingBy: 86_400_000_000)
        let (year, month, day) = Timestamp.civil(fromDays: days)
        let (seconds, fraction) = inDay.quotientAndRemainder(dividingBy: 1_000_000)
        append(year, digits: 4, then: "-")
        append(month, digits: 2, then: "-")
        append(day, digits: 2, then: "T")
        append(seconds / 3_600, digits: 2, then: ":")
        append(seconds / 60 % 60, digits: 2, then: ":")
        append(seconds % 60, digits: 2, then: ".")
        append(fraction, digits: 6, then: "Z")
    }

    private mutating func append(_ number: Int64, digits: Int, then mark: Unicode.Scalar) {
        var number = number
        let end = bytes.count + digits
        bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: digits))
        for place in 1...digits {
            bytes[end - place] += UInt8(number % 10)
            number /= 10
        }
        bytes.append(UInt8(ascii: mark))
    }

    /// 10000-01-01T00:00:00Z, from where on a year has five digits.
    private static let year10000: Int64 = 253_402_300_800_000_000
}
