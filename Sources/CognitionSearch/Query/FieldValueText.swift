import CognitionCore

/// Values of a field as people write them.
struct FieldValueText {
    private let kind: SearchField.Kind

    init(_ kind: SearchField.Kind) { self.kind = kind }

    /// `nil` for what is no value of the kind. A day without a time is all of the day.
    func equals(_ field: String, _ text: String) -> QueryNode? {
        if kind == .date, let day = day(text) {
            return .range(
                field: field,
                ValueRange(
                    lower: .init(.string(day.start), isInclusive: true),
                    upper: .init(.string(day.end), isInclusive: false)))
        }
        return value(text).map { .equals(field: field, value: $0) }
    }

    func bound(_ text: String, isLower: Bool, isInclusive: Bool) -> ValueRange.Bound? {
        if kind == .date, let day = day(text) {
            // Up to and including a day is before the next one; after a day is from the next one on.
            let isWholeDay = isLower != isInclusive
            return .init(.string(isWholeDay ? day.end : day.start), isInclusive: isLower)
        }
        return value(text).map { .init($0, isInclusive: isInclusive) }
    }

    private func value(_ text: String) -> JSONValue? {
        switch kind {
        case .text, .keyword: .string(text)
        case .number: Int64(text).map(JSONValue.integer) ?? Double(text).flatMap { $0.isFinite ? JSONValue($0) : nil }
        case .date: Timestamp(text).map { .string($0.description) }
        }
    }

    private func day(_ text: String) -> (start: String, end: String)? {
        guard text.utf8.count == 10, let start = Timestamp(text + "T00:00:00Z") else { return nil }
        return (start.description, (start + .seconds(86_400)).description)
    }
}
