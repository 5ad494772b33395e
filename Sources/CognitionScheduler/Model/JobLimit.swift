package import CognitionCore

/// So much in so long a time, as a bucket that fills steadily and holds `amount` when it is full.
package struct JobRate: Sendable, Hashable {
    package let amount: Int64
    package let period: Duration

    package init(amount: Int64, period: Duration) {
        self.amount = amount
        self.period = period
    }

    /// Reads `{amount, per_seconds?}`.
    init(_ json: JSONValue, _ what: String) throws {
        let fields = try JobFields(json, what, ["amount", "per_seconds"])
        guard let amount = try fields.integer("amount", in: 1...1_000_000_000_000) else {
            throw SchedulerError(.jobInvalid, "'\(what)' needs 'amount', how much may be taken in 'per_seconds'")
        }
        self.init(
            amount: Int64(amount), period: try fields.seconds("per_seconds", in: 0.001...2_592_000) ?? .seconds(1))
    }

    package var json: JSONValue { ["amount": .integer(amount), "per_seconds": JSONValue(period.seconds)] }
}

/// What all jobs with the same key in a workspace share.
package struct JobLimit: Sendable, Hashable {
    package let key: String
    /// How many of them run at once.
    package let concurrency: Int64?
    package let rate: JobRate?
    /// What this job takes of the rate: 1, or tokens, or micros of money.
    package let amount: Int64

    package init(key: String, concurrency: Int64? = nil, rate: JobRate? = nil, amount: Int64 = 1) {
        self.key = key
        self.concurrency = concurrency
        self.rate = rate
        self.amount = amount
    }

    /// How the keys begin that queues have for their own rates.
    static let queuePrefix = "queue:"

    /// Reads `{key, concurrency?, rate?: {amount, per_seconds?}, amount?}`.
    init(_ json: JSONValue) throws {
        let fields = try JobFields(json, "limit", ["key", "concurrency", "rate", "amount"])
        guard let key = try fields.text("key", bytesMax: 200), !key.hasPrefix(Self.queuePrefix) else {
            throw SchedulerError(
                .jobInvalid,
                "'limit' needs 'key', a text of 1 to 200 bytes that does not begin with \(Self.queuePrefix)")
        }
        self.init(
            key: key, concurrency: try fields.integer("concurrency", in: 1...1_000_000).map(Int64.init),
            rate: try fields["rate"].map { try JobRate($0, "limit.rate") },
            amount: Int64(try fields.integer("amount", in: 1...1_000_000_000_000) ?? 1))
        guard concurrency != nil || rate != nil else {
            throw SchedulerError(.jobInvalid, "'limit' needs 'concurrency', 'rate' or both")
        }
    }

    package var json: JSONValue {
        var json: JSONObject = ["key": .string(key), "amount": .integer(amount)]
        if let concurrency { json["concurrency"] = .integer(concurrency) }
        if let rate { json["rate"] = rate.json }
        return .object(json)
    }
}

/// A bucket as it is kept: the moment when it is full again (generic cell rate algorithm, ITU-T I.371).
struct Bucket: Sendable, Hashable {
    let rate: JobRate
    var fullAt: Timestamp

    /// When `amount` can be taken; `now` or earlier when it can be now. More than a full bucket waits for a full one.
    func opens(for amount: Int64) -> Timestamp {
        fullAt + cost(min(amount, rate.amount)) - rate.period
    }

    mutating func take(_ amount: Int64, now: Timestamp) {
        fullAt = max(fullAt, now) + cost(amount)
    }

    /// What can be taken at once.
    func room(now: Timestamp) -> Int64 {
        let missing = max(0, (fullAt - now).seconds / rate.period.seconds)
        return Int64((Double(rate.amount) * max(0, 1 - missing) + 1e-9).rounded(.down))
    }

    func cost(_ amount: Int64) -> Duration {
        // At most a hundred years, so that sums of moments stay moments.
        let microseconds = (Double(rate.period.microseconds) * Double(amount) / Double(rate.amount)).rounded(.up)
        return .microseconds(Int64(min(microseconds, 3.2e15)))
    }
}
