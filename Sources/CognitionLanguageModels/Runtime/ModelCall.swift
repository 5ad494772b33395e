package import CognitionCore

/// One attempt at a provider, as it is kept in the ledger: what it was, how it ended, what it cost.
///
/// Providers take no idempotency key, so a repeated request may be billed twice; therefore attempts that failed are kept
/// as well.
package struct ModelCall: Sendable, Hashable {
    package enum Outcome: String, Sendable, Hashable, CaseIterable {
        case completed
        case failed
        /// Nobody waited for it any more; what it had used is known as far as the provider had told it.
        case cancelled
    }

    package typealias ID = UUIDv7

    /// In bytes, of `model`, which a provider names as it likes.
    package static let modelBytesMax = 128
    /// In bytes.
    package static let requestIDBytesMax = 256

    package var id: ID
    /// Within the request, from 1, counted over all providers.
    package var attempt: Int
    package var provider: String
    /// As the provider named what answered, else as it was asked for.
    package var model: String
    package var outcome: Outcome
    /// The name of the code of a failure.
    package var errorCode: String?
    /// `nil` when it is not known that anything was used.
    package var usage: Completion.Usage?
    package var quote: PriceTable.Quote
    package var providerRequestID: String?
    package var startedAt: Timestamp
    package var duration: Duration

    package init(
        id: ID, attempt: Int, provider: String, model: String, outcome: Outcome, errorCode: String? = nil,
        usage: Completion.Usage?, quote: PriceTable.Quote, providerRequestID: String? = nil, startedAt: Timestamp,
        duration: Duration
    ) {
        self.id = id
        self.attempt = attempt
        self.provider = provider
        self.model = model.withoutControls.cut(toBytes: ModelCall.modelBytesMax)
        self.outcome = outcome
        self.errorCode = errorCode
        self.usage = usage
        self.quote = quote
        self.providerRequestID = providerRequestID?.withoutControls.cut(toBytes: ModelCall.requestIDBytesMax)
        self.startedAt = startedAt
        self.duration = duration
    }
}

extension [ModelCall] {
    /// What all of them cost together; `nil` of none.
    package var cost: Money? {
        guard let first else { return nil }
        // A sum beyond 9 trillion dollars stays there.
        return dropFirst().reduce(first.quote.cost) { sum, call in
            sum.adding(call.quote.cost) ?? Money(micros: .max, currency: sum.currency)
        }
    }
}

extension String {
    /// Without control characters: a NUL has no place in a text of PostgreSQL, the others none in a line of a log.
    fileprivate var withoutControls: String {
        guard unicodeScalars.contains(where: \.isControl) else { return self }
        var kept = UnicodeScalarView()
        kept.append(contentsOf: unicodeScalars.lazy.filter { !$0.isControl })
        return String(kept)
    }

    /// The longest start of whole characters within so many bytes of UTF-8.
    fileprivate func cut(toBytes max: Int) -> String {
        guard utf8.count > max else { return self }
        var end = utf8.index(startIndex, offsetBy: max)
        while end.samePosition(in: self) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}

extension Unicode.Scalar {
    fileprivate var isControl: Bool { value < 0x20 || value == 0x7F }
}
