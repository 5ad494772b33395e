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
        "localtime/0": { input, _, machine throws(Unwind) in
            guard let seconds = input.doubleValue else { throw machine.fail("localtime() requires numeric inputs") }
            return try machine.brokenDown(seconds)
        },
        "mktime/0": { input, _, machine throws(Unwind) in
            guard case .array = input else { throw machine.fail("mktime requires array inputs") }
            guard var time = machine.time(input) else { throw machine.fail("mktime requires parsed datetime inputs") }
            return .integer(Int64(timegm(&time)))
        },
        "strftime/1": { input, arguments, machine throws(Unwind) in
            try machine.formatted(input, arguments[0], "strftime/1", zone: "GMT")
        },
        "strflocaltime/1": { input, arguments, machine throws(Unwind) in
            try machine.formatted(input, arguments[0], "strflocaltime/1", zone: "UTC")
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

    /// Seconds or a broken down time by a format of C's `strftime`.
    fileprivate func formatted(
        _ value: JSONValue, _ format: JSONValue, _ name: String, zone: String
    ) throws(Unwind) -> JSONValue {
        let parts = if let seconds = value.doubleValue { try brokenDown(seconds) } else { value }
        guard case .array = parts else { throw fail("\(name) requires parsed datetime inputs") }
        guard case .string(let format) = format else { throw fail("\(name) requires a string format") }
        guard let time = time(parts) else { throw fail("\(name) requires parsed datetime inputs") }
        return .string(try formatted(time, format, name, zone: zone))
    }

    private func formatted(_ time: tm, _ format: String, _ name: String, zone: String) throws(Unwind) -> String {
        if format.isEmpty { return "" }
        var time = time
        // C takes a broken down time for a local one when it counts its seconds.
        let seconds = String(timegm(&time))
        let parts = format.replacing("%%", with: "%%\u{0}").replacing("%s", with: seconds)
        let format = parts.replacing("%%\u{0}", with: "%%")
        // A width such as %1000000d makes C write that many characters: the buffer bounds it.
        var buffer = [CChar](repeating: 0, count: format.utf8.count * 16 + 256)
        try charge(buffer.count)
        let count = zone.withCString { zone in
            time.tm_zone = UnsafePointer(zone)
            return strftime(&buffer, buffer.count, format, &time)
        }
        if count == 0 { throw fail("\(name): unknown system failure") }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
