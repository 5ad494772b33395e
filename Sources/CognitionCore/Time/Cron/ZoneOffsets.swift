/// How far the clock on the wall of a time zone is ahead of UTC, and when that changes.
struct ZoneOffsets {
    private let offset: @Sendable (Int64) -> Int64
    /// The next change after ``from``, or that there is none up to ``scanned``.
    private var from: Int64 = .max
    private var scanned: Int64 = .min
    private var found: Int64?

    /// No zone goes back and forth within a week.
    private static let step: Int64 = 7 * 86_400
    private static let ahead: Int64 = 60 * 86_400

    /// - Parameter offset: In seconds, at a second since 1970.
    init(_ offset: @escaping @Sendable (Int64) -> Int64) { self.offset = offset }

    func offset(at second: Int64) -> Int64 { offset(second) }

    /// The first second after `second` and up to `limit` at which another offset begins.
    mutating func change(after second: Int64, upTo limit: Int64) -> Int64? {
        if second < from || scanned < limit && found == nil || found.map({ $0 <= second }) ?? false {
            (from, found) = (second, nil)
            scanned = max(limit, second + Self.ahead)
            found = search(after: second, upTo: scanned)
        }
        return found.flatMap { $0 <= limit ? $0 : nil }
    }

    private func search(after second: Int64, upTo limit: Int64) -> Int64? {
        var low = second
        let before = offset(low)
        while low < limit {
            var high = min(limit, low + Self.step)
            guard offset(high) != before else {
                low = high
                continue
            }
            while high - low > 1 {
                let middle = low + (high - low) / 2
                if offset(middle) == before { low = middle } else { high = middle }
            }
            return high
        }
        return nil
    }
}
