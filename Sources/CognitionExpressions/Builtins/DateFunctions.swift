import CognitionCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Times are seconds since 1970 or "broken down": `[year, month 0…11, day, hours, minutes, seconds, weekday, yearday]`.
/// Always UTC: the result never depends on where the server is.
extension Builtins {
    static let dates: [String: Function] = [
        "gmtime/0": { input, _, machine throws(Unwind) in
            guard let seconds = input.doubleValue else { throw machine.fail("gmtime() requires numeric inputs") }
            return try machine.brokenDown(seconds)
        },
        "mktime/0": { input, _, machine throws(Unwind) in
            guard case .array = input else { throw machine.fail("mktime requires array inputs") }
            guard var time = machine.time(input) else { throw machine.fail("mktime requires parsed datetime inputs") }
            return .integer(Int64(timegm(&time)))
        },
        "strftime/1": { input, arguments, machine throws(Unwind) in
            let parts = if let seconds = input.doubleValue { try machine.brokenDown(seconds) } else { input }
            guard case .array = parts else { throw machine.fail("strftime/1 requires parsed datetime inputs") }
            guard case .string(let format) = arguments[0] else {
                throw machine.fail("strftime/1 requires a string format")
            }
            guard let time = machine.time(parts) else {
                throw machine.fail("strftime/1 requires parsed datetime inputs")
            }
            return .string(try machine.formatted(time, format))
        },
        "strptime/1": { input, arguments, machine throws(Unwind) in
            guard case .string(let text) = input, case .string(let format) = arguments[0] else {
                throw machine.fail("strptime/1 requires string inputs and arguments")
            }
            var parser = DateParser(text)
            guard parser.read(format), parser.isAtSpaceOrEnd else {
                throw machine.fail("date \"\(text)\" does not match format \"\(format)\"")
            }
            guard case .array(let parts) = machine.parts(of: parser.time, fraction: 0) else { return .null }
            return .array(parser.rest.isEmpty ? parts : parts + [.string(parser.rest)])
        },
    ]
}

extension Machine {
    fileprivate func brokenDown(_ seconds: Double) throws(Unwind) -> JSONValue {
        var whole = time_t(Int64(saturating: seconds))
        var time = tm()
        guard !seconds.isNaN, gmtime_r(&whole, &time) != nil else {
            throw fail("error converting number of seconds since epoch to datetime")
        }
        return parts(of: time, fraction: seconds - seconds.rounded(.down))
    }

    fileprivate func parts(of time: tm, fraction: Double) -> JSONValue {
        let leading = [Int64(time.tm_year) + 1_900, Int64(time.tm_mon), Int64(time.tm_mday), Int64(time.tm_hour)]
        let numbers = (leading + [Int64(time.tm_min)]).map { JSONValue.integer($0) }
        let seconds = JSONValue(jq: Double(time.tm_sec) + fraction, self)
        return .array(numbers + [seconds, .integer(Int64(time.tm_wday)), .integer(Int64(time.tm_yday))])
    }

    /// The C structure of a broken down time, normalized; `nil` when an element is not a number.
    fileprivate func time(_ value: JSONValue) -> tm? {
        guard case .array(let elements) = value else { return nil }
        var numbers = [Int32](repeating: 0, count: 8)
        for (index, element) in elements.prefix(8).enumerated() {
            guard let number = element.doubleValue, !number.isNaN else { return nil }
            let shifted = index == 0 ? number - 1_900 : number
            numbers[index] = Int32(max(min(shifted, 2_147_483_647), -2_147_483_648))
        }
        var time = tm()
        time.tm_year = elements.isEmpty ? 0 : numbers[0]
        time.tm_mon = numbers[1]
        time.tm_mday = numbers[2]
        time.tm_hour = numbers[3]
        time.tm_min = numbers[4]
        time.tm_sec = numbers[5]
        time.tm_wday = numbers[6]
        time.tm_yday = numbers[7]
        timegm(&time)
        return time
    }

    fileprivate func formatted(_ time: tm, _ format: String) throws(Unwind) -> String {
        if format.isEmpty { return "" }
        // A width such as %1000000d makes C write that many characters: the buffer bounds it.
        var buffer = [CChar](repeating: 0, count: format.utf8.count * 16 + 256)
        try charge(buffer.count)
        let count = "GMT".withCString { zone in
            var time = time
            time.tm_zone = UnsafePointer(zone)
            return strftime(&buffer, buffer.count, format, &time)
        }
        if count == 0 { throw fail("strftime/1: unknown system failure") }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
