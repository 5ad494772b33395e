import CognitionCore

/// Counts the values of a field over the hits of all segments. Every count is exact: each document once for each value.
struct FacetCounter {
    let request: FacetRequest
    /// By name: values, paths or ranges.
    private var counts: [String: Int] = [:]
    /// The same for numbers, by their bits.
    private var numbers: [Int64: Int] = [:]
    private var kind: SearchField.Kind?

    init(_ request: FacetRequest) { self.request = request }

    mutating func count(_ documents: DocumentSet, in segment: Segment, schema: IndexSchema) throws(SearchError) {
        guard let place = schema.place(of: request.field), let column = segment.fields[place].column else { return }
        kind = schema.fields[place].kind
        switch request.kind {
        case .values:
            if let dictionary = segment.fields[place].dictionary {
                try countOrdinals(documents, column, dictionary) { $0 }
            } else {
                countNumbers(documents, column)
            }
        case .hierarchy(let separator, let parent, _):
            guard let dictionary = segment.fields[place].dictionary else { return }
            try countOrdinals(documents, column, dictionary) { Self.child(of: parent, in: $0, separator) }
        case .ranges(let ranges): try countRanges(ranges, documents, column, place, segment, schema)
        }
    }

    /// The path one level below `parent` that a path lies on.
    private static func child(of parent: String?, in path: String, _ separator: String) -> String? {
        guard !separator.isEmpty else { return path }
        let start = parent.map { $0 + separator } ?? ""
        guard path.hasPrefix(start), path.utf8.count > start.utf8.count else { return nil }
        let rest = path.dropFirst(start.count)
        return start + (rest.firstRange(of: separator).map { rest[..<$0.lowerBound] } ?? rest)
    }

    private mutating func countOrdinals(
        _ documents: DocumentSet, _ column: Column, _ dictionary: TermDictionary, _ name: (String) -> String?
    ) throws(SearchError) {
        var byOrdinal = [Int](repeating: 0, count: dictionary.count)
        let isHierarchy = if case .hierarchy = request.kind { true } else { false }
        if !isHierarchy {
            byOrdinal.withUnsafeMutableBufferPointer { counts in
                documents.forEach { document in
                    for place in column.places(of: document) {
                        let ordinal = Int(column[place])
                        if ordinal >= 0, ordinal < counts.count { counts[ordinal] += 1 }
                    }
                }
            }
        }
        // Names of ordinals in one walk, as dictionaries are read in order.
        let iterator = TermIterator(dictionary)
        var (groups, groupNames, known) = ([Int32](), [String](), [String: Int32]())
        while iterator.advance() {
            if !isHierarchy {
                let count = byOrdinal[groups.count]
                groups.append(0)
                if count > 0 { counts[iterator.text, default: 0] += count }
            } else if let name = name(iterator.text) {
                let group = known[name] ?? Int32(groupNames.count)
                if known[name] == nil {
                    known[name] = group
                    groupNames.append(name)
                }
                groups.append(group)
            } else {
                groups.append(-1)
            }
        }
        if iterator.isDamaged { throw .damaged("a dictionary cannot be read") }
        guard isHierarchy else { return }
        var byGroup = [Int](repeating: 0, count: groupNames.count)
        // A document with several values below one path counts once.
        var last = [Int](repeating: -1, count: groupNames.count)
        documents.forEach { document in
            for place in column.places(of: document) {
                let ordinal = Int(column[place])
                guard ordinal >= 0, ordinal < groups.count, groups[ordinal] >= 0 else { continue }
                let group = Int(groups[ordinal])
                if last[group] != document {
                    last[group] = document
                    byGroup[group] += 1
                }
            }
        }
        for (group, count) in byGroup.enumerated() where count > 0 { counts[groupNames[group], default: 0] += count }
    }

    private mutating func countNumbers(_ documents: DocumentSet, _ column: Column) {
        let isDate = kind == .date
        documents.forEach { document in
            var last: Int64?
            for place in column.places(of: document) where column[place] != last {
                last = column[place]
                numbers[isDate ? column[place] : Column.ordered(column.double(column[place])), default: 0] += 1
            }
        }
    }

    private mutating func countRanges(
        _ ranges: [(name: String, range: ValueRange)], _ documents: DocumentSet, _ column: Column, _ place: Int,
        _ segment: Segment, _ schema: IndexSchema
    ) throws(SearchError) {
        for (name, range) in ranges {
            var count = 0
            if let bits = try range.bits(place, schema: schema, segment) {
                documents.forEach { document in
                    for value in column.places(of: document) where bits.contains(column[value]) {
                        count += 1
                        return
                    }
                }
            }
            counts[name, default: 0] += count
        }
    }

    /// Counts in the order the request says.
    var result: [SearchAnswer.FacetCount] {
        var all = counts
        for (bits, count) in numbers {
            let text =
                kind == .date
                ? Timestamp(microseconds: bits).description
                : FieldValues.text(.number(Column.double(ordered: bits))) ?? ""
            all[text, default: 0] += count
        }
        switch request.kind {
        case .ranges(let ranges):
            return ranges.map { SearchAnswer.FacetCount(value: $0.name, count: all[$0.name] ?? 0) }
        case .values(let limit), .hierarchy(_, _, let limit):
            let sorted = all.sorted { left, right in
                left.value != right.value
                    ? left.value > right.value : left.key.utf8.lexicographicallyPrecedes(right.key.utf8)
            }
            return sorted.prefix(limit).map { SearchAnswer.FacetCount(value: $0.key, count: $0.value) }
        }
    }
}
