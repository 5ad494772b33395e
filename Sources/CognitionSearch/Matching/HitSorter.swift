import CognitionCore

/// Keeps the first hits of an order by columns.
///
/// In a segment values are compared as whole numbers: ordinals of keywords, bits of numbers. The best of each segment are
/// then turned into values and compared with those of the others. A document without a value comes last in either direction;
/// of several values the first in the order counts.
struct HitSorter {
    /// A value as it is compared across segments.
    enum Value: Equatable {
        case number(Double)
        case integer(Int64)
        case text(String)
        case missing

        var json: JSONValue {
            switch self {
            case .number(let value): Int64(exactly: value).map(JSONValue.integer) ?? JSONValue(value)
            case .integer(let value): .integer(value)
            case .text(let value): .string(value)
            case .missing: .null
            }
        }
    }

    struct Hit {
        var values: [Value]
        var order: UInt64
        var score: Double
    }

    private enum Source {
        case score
        case column(Column, SegmentField, isNumber: Bool)
        case none
    }

    private struct Candidate {
        var keys: [Int64]
        var document: Int
        var score: Double
    }

    let keys: [SortKey]
    private let keptMax: Int
    private let after: SearchCursor?
    private let afterOrder: UInt64
    private var sources: [Source] = []
    private var afterKeys: [Int64]?
    private var place = 0
    /// A heap, the worst first.
    private var heap: [Candidate] = []
    private var hits: [Hit] = []

    init(_ request: SearchRequest, keptMax: Int, units: [SearchRun.Unit]) {
        keys = request.sort
        self.keptMax = keptMax
        if case .after(let cursor) = request.page {
            (after, afterOrder) = (cursor, SearchRun.order(of: cursor, in: units))
        } else {
            (after, afterOrder) = (nil, 0)
        }
    }

    mutating func begin(_ unit: SearchRun.Unit) throws(SearchError) {
        sources = keys.map { key in
            guard case .field(let name) = key.subject else { return .score }
            guard let place = unit.schema.place(of: name), let column = unit.segment.fields[place].column else {
                return .none
            }
            return .column(column, unit.segment.fields[place], isNumber: unit.schema.fields[place].kind == .number)
        }
        afterKeys = after.map { cursor in
            zip(keys, sources).enumerated().map { place, pair in
                let value = place < cursor.values.count ? cursor.values[place] : .null
                return key(of: value, pair.0, pair.1)
            }
        }
        heap.removeAll(keepingCapacity: true)
    }

    mutating func add(_ document: Int, score: Double) {
        guard keptMax > 0 else { return }
        // Mostly the first key says that a document is of no use.
        let first = key(0, document, score)
        if heap.count == keptMax, let worst = heap.first, first > worst.keys[0] { return }
        if let afterKeys, first < afterKeys[0] { return }
        var keys = [first]
        for place in self.keys.indices.dropFirst() { keys.append(key(place, document, score)) }
        let candidate = Candidate(keys: keys, document: document, score: score)
        if let afterKeys {
            if keys.lexicographicallyPrecedes(afterKeys) { return }
            if keys == afterKeys, UInt64(place) << 32 | UInt64(document + 1) <= afterOrder { return }
        }
        insert(candidate)
    }

    private func isWorse(_ left: Candidate, _ right: Candidate) -> Bool {
        left.keys == right.keys ? left.document > right.document : right.keys.lexicographicallyPrecedes(left.keys)
    }

    private mutating func insert(_ candidate: Candidate) {
        if heap.count < keptMax {
            heap.append(candidate)
            var place = heap.count - 1
            while place > 0 {
                let parent = (place - 1) / 2
                if !isWorse(heap[place], heap[parent]) { break }
                heap.swapAt(place, parent)
                place = parent
            }
            return
        }
        guard isWorse(heap[0], candidate) else { return }
        heap[0] = candidate
        var place = 0
        while true {
            var child = 2 * place + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count, isWorse(heap[child + 1], heap[child]) { child += 1 }
            if !isWorse(heap[child], heap[place]) { return }
            heap.swapAt(place, child)
            place = child
        }
    }

    // MARK: - Keys

    /// Ascending in the order of hits.
    private func key(_ place: Int, _ document: Int, _ score: Double) -> Int64 {
        let isDescending = keys[place].isDescending
        switch sources[place] {
        case .none: return .max
        case .score: return turned(Column.ordered(score), isDescending)
        case .column(let column, let field, let isNumber):
            let places = column.places(of: document)
            guard let value = isDescending ? places.last : places.first else { return .max }
            let bits = column[value]
            if field.dictionary != nil { return turned(2 * bits + 1, isDescending) }
            return turned(isNumber ? Column.ordered(column.double(bits)) : bits, isDescending)
        }
    }

    private func turned(_ bits: Int64, _ isDescending: Bool) -> Int64 {
        // The greatest number is that of documents without a value.
        min(isDescending ? ~bits : bits, .max - 1)
    }

    /// The key of a value that a cursor says; of a keyword that the segment lacks, between its neighbours.
    private func key(of value: JSONValue, _ key: SortKey, _ source: Source) -> Int64 {
        switch source {
        case .score: return turned(Column.ordered(value.doubleValue ?? 0), key.isDescending)
        case .none: return value.isNull ? .max : .max - 1
        case .column(_, let field, let isNumber):
            if value.isNull { return .max }
            if let dictionary = field.dictionary {
                let text = value.stringValue ?? ""
                let below = dictionary.countBelow(text, inclusive: false)
                let isThere = dictionary.countBelow(text, inclusive: true) > below
                return turned(2 * Int64(below) + (isThere ? 1 : 0), key.isDescending)
            }
            if isNumber { return turned(Column.ordered(value.doubleValue ?? 0), key.isDescending) }
            return turned(value.integerValue ?? 0, key.isDescending)
        }
    }

    // MARK: - Across segments

    mutating func finish(_ unit: Int) {
        for candidate in heap {
            let values = zip(keys, sources).map { key, source -> Value in
                switch source {
                case .none: return .missing
                case .score: return .number(candidate.score)
                case .column(let column, let field, let isNumber):
                    let places = column.places(of: candidate.document)
                    guard let value = key.isDescending ? places.last : places.first else { return .missing }
                    let bits = column[value]
                    if let dictionary = field.dictionary { return .text(dictionary.term(at: Int(bits)) ?? "") }
                    return isNumber ? .number(column.double(bits)) : .integer(bits)
                }
            }
            hits.append(
                Hit(
                    values: values, order: UInt64(unit) << 32 | UInt64(candidate.document + 1), score: candidate.score))
        }
        place = unit + 1
    }

    /// The hits in their order.
    var sorted: [Hit] { Array(hits.sorted(by: precedes).prefix(keptMax)) }

    private func precedes(_ left: Hit, _ right: Hit) -> Bool {
        for (place, key) in keys.enumerated() {
            let (one, other) = (left.values[place], right.values[place])
            if one == other { continue }
            if one == .missing { return false }
            if other == .missing { return true }
            return Self.isLess(one, other) != key.isDescending
        }
        return left.order < right.order
    }

    private static func isLess(_ left: Value, _ right: Value) -> Bool {
        switch (left, right) {
        case (.number(let a), .number(let b)): a < b
        case (.integer(let a), .integer(let b)): a < b
        case (.text(let a), .text(let b)): a.utf8.lexicographicallyPrecedes(b.utf8)
        // Indexes that know a field as different kinds: numbers before moments before keywords.
        default: rank(left) < rank(right)
        }
    }

    private static func rank(_ value: Value) -> Int {
        switch value {
        case .number: 0
        case .integer: 1
        case .text: 2
        case .missing: 3
        }
    }
}
