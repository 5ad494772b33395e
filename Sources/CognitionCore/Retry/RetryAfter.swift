/// What a server says about when to come again.
package enum RetryAfter {
    /// Longer ones are not believed.
    package static let longest = Duration.seconds(30 * 86_400)

    /// Reads `retry-after-ms`, else `retry-after`, in seconds or as a date (RFC 9110, section 10.2.3).
    package static func read(now: Timestamp, header: (String) -> String?) -> Duration? {
        if let text = header("retry-after-ms"), let wait = duration(text, unit: 0.001) { return wait }
        guard let text = header("retry-after") else { return nil }
        if let wait = duration(text, unit: 1) { return wait }
        guard let date = date(text) else { return nil }
        return date <= now ? .zero : min(date - now, longest)
    }

    private static func duration(_ text: String, unit: Double) -> Duration? {
        guard let number = Double(text.filter { $0 != " " }), number >= 0, number.isFinite else { return nil }
        return min(number * unit, longest.seconds).asDuration
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The one form of an HTTP date that servers may send: `Sun, 06 Nov 1994 08:49:37 GMT`.
    package static func date(_ text: String) -> Timestamp? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", words[0].hasSuffix(","), let day = Int64(words[1]),
            let month = months.firstIndex(of: String(words[2])), let year = Int64(words[3]),
            (1...31).contains(day), (1970...9999).contains(year)
        else { return nil }
        let clock = words[4].split(separator: ":").map { Int64($0) ?? -1 }
        guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        let days = Timestamp.days(fromCivil: year, month: Int64(month) + 1, day: day)
        let seconds = ((days * 24 + clock[0]) * 60 + clock[1]) * 60 + clock[2]
        return Timestamp(microseconds: seconds * 1_000_000)
    }
}

extension Double {
    fileprivate var asDuration: Duration { .microseconds(Int64((self * 1_000_000).rounded())) }
}
