import CognitionCore

/// Conditions on values.
extension QueryPlanner {
    func equals(_ place: Int, _ value: JSONValue, boost: Double) throws -> Plan {
        let field = schema.fields[place].name
        switch schema.fields[place].kind {
        case .text:
            guard let text = FieldValues.text(value) else { throw wrongType(value, place) }
            var words = WordsQuery(text, fields: [field])
            (words.minimum, words.fuzzy) = (.all, false)
            return try plan(words, boost: boost)
        case .keyword:
            guard let text = FieldValues.text(value) else { throw wrongType(value, place) }
            return .named(
                .other("`\(field)` is “\(text)”"),
                leaf(lookUp(Array(text.utf8), field: place), group: 0, factor: 1, boost: boost))
        case .number, .date:
            let bound = ValueRange.Bound(value, isInclusive: true)
            return .values(
                try values(place, range: ValueRange(lower: bound, upper: bound), weight: boost * fieldBoost(place)))
        }
    }

    /// Documents with a value in a range.
    ///
    /// - Throws: `search.query_invalid` if a bound is not of the field's kind.
    func values(_ place: Int, range: ValueRange, weight: Double) throws -> ValuesLeaf {
        let field = schema.fields[place]
        try range.check(field)
        let ranges = try snapshot.contents.entries.map { try range.bits(place, schema: schema, $0.segment) }
        return ValuesLeaf(
            field: place, fieldName: field.name, condition: .ranges(ranges), weight: weight,
            text: "`\(field.name)` is \(Self.text(of: range))")
    }

    private static func text(of range: ValueRange) -> String {
        func text(_ value: JSONValue) -> String { FieldValues.text(value) ?? value.typeName }
        if let lower = range.lower, let upper = range.upper, lower.value == upper.value { return text(lower.value) }
        var parts: [String] = []
        if let lower = range.lower { parts.append("\(lower.isInclusive ? "at least" : "above") \(text(lower.value))") }
        if let upper = range.upper { parts.append("\(upper.isInclusive ? "at most" : "below") \(text(upper.value))") }
        return parts.isEmpty ? "anything" : parts.joined(separator: " and ")
    }

    private func wrongType(_ value: JSONValue, _ place: Int) -> SearchError {
        .wrongType(value, schema.fields[place])
    }
}

extension ValueRange {
    /// - Throws: `search.query_invalid` if a bound is not of the field's kind, or the field has no order.
    func check(_ field: IndexSchema.Field) throws(SearchError) {
        if field.kind == .text {
            throw .query("The field `\(field.name)` is a text, which has no order to take a range of.")
        }
        for case .some(let bound) in [lower, upper]
        where !FieldValues.fits(bound.value, field.kind) || bound.value.isNull {
            throw .wrongType(bound.value, field)
        }
    }

    /// The range in the terms of a segment: ordinals, microseconds, whole numbers or bits of doubles; `nil` for none.
    func bits(_ place: Int, schema: IndexSchema, _ segment: Segment) throws(SearchError) -> ClosedRange<Int64>? {
        try check(schema.fields[place])
        let field = segment.fields[place]
        switch schema.fields[place].kind {
        case .text: return nil
        case .keyword: return field.dictionary.flatMap(ordinals)
        case .date: return moments
        case .number: return field.column.flatMap { numbers(isDouble: $0.representation == .double) }
        }
    }

    private func ordinals(_ dictionary: TermDictionary) -> ClosedRange<Int64>? {
        func place(of bound: Bound, after: Bool) -> Int64 {
            Int64(dictionary.countBelow(FieldValues.text(bound.value) ?? "", inclusive: after))
        }
        let first = lower.map { place(of: $0, after: !$0.isInclusive) } ?? 0
        let end = upper.map { place(of: $0, after: $0.isInclusive) } ?? Int64(dictionary.count)
        return first < end ? first...(end - 1) : nil
    }

    private var moments: ClosedRange<Int64>? {
        var (first, last) = (Int64.min, Int64.max)
        if let lower, let moment = FieldValues.moment(lower.value) {
            if !lower.isInclusive, moment == .max { return nil }
            first = lower.isInclusive ? moment : moment + 1
        }
        if let upper, let moment = FieldValues.moment(upper.value) {
            if !upper.isInclusive, moment == .min { return nil }
            last = upper.isInclusive ? moment : moment - 1
        }
        return first <= last ? first...last : nil
    }

    private func numbers(isDouble: Bool) -> ClosedRange<Int64>? {
        var (first, last) = (Int64.min, Int64.max)
        if let lower, let number = FieldValues.number(lower.value) {
            if isDouble {
                first = Column.ordered(lower.isInclusive ? number : number.nextUp)
            } else {
                var least = number.rounded(.up)
                if !lower.isInclusive, least == number { least += 1 }
                // Whole numbers of columns are no larger than 2^53.
                guard least <= 0x1p54 else { return nil }
                first = Int64(max(least, -0x1p54))
            }
        }
        if let upper, let number = FieldValues.number(upper.value) {
            if isDouble {
                last = Column.ordered(upper.isInclusive ? number : number.nextDown)
            } else {
                var most = number.rounded(.down)
                if !upper.isInclusive, most == number { most -= 1 }
                guard most >= -0x1p54 else { return nil }
                last = Int64(min(most, 0x1p54))
            }
        }
        return first <= last ? first...last : nil
    }
}

extension SearchError {
    static func wrongType(_ value: JSONValue, _ field: IndexSchema.Field) -> SearchError {
        .query(
            "The field `\(field.name)` is a \(field.kind.rawValue), which a \(value.typeName) cannot be compared with.")
    }
}

extension TermDictionary {
    /// How many terms come before one, itself included with `inclusive`.
    func countBelow(_ term: String, inclusive: Bool) -> Int {
        let iterator = TermIterator(self)
        let bytes = Array(term.utf8)
        guard iterator.seek(bytes), let entry = iterator.entry else { return count }
        return entry.ordinal + (inclusive && iterator.term == bytes ? 1 : 0)
    }
}
