/// Makes one segment of several that follow each other, without the documents that are gone.
///
/// The order of documents stays, so that equal hits are told apart in the same way however an index was merged.
final class SegmentMerger {
    private let sources: [(segment: Segment, alive: AliveBits)]
    private let schema: IndexSchema
    /// For each source the new number of each document; `gone` for those that are not taken over.
    private let numbers: [[UInt32]]
    private static let gone = UInt32.max
    let documentCount: Int

    init(_ sources: [(segment: Segment, alive: AliveBits)], schema: IndexSchema) {
        self.sources = sources
        self.schema = schema
        var (next, all) = (UInt32(0), [[UInt32]]())
        for (segment, alive) in sources {
            var numbers = [UInt32](repeating: Self.gone, count: segment.documentCount)
            for document in 0..<segment.documentCount where alive[document] {
                numbers[document] = next
                next += 1
            }
            all.append(numbers)
        }
        numbers = all
        documentCount = Int(next)
    }

    /// The new number of a source's document; `nil` if it is not taken over.
    func number(of document: Int, in source: Int) -> Int? {
        numbers[source][document] == Self.gone ? nil : Int(numbers[source][document])
    }

    /// The segment; `nil` if no document is left.
    ///
    /// - Throws: `search.index_damaged`.
    func merge() throws(SearchError) -> SegmentImage? {
        guard documentCount > 0 else { return nil }
        let image = SegmentImage()
        let summary = ByteSink()
        summary.append(UInt64(documentCount))
        image.add(.summary, summary)
        image.addNumbers(.sequences, gather { $0.sequences[$1] })
        image.addNumbers(.fingerprints, gather { $0.fingerprints[$1] })
        if sources.contains(where: { $0.segment.boosts != nil }) {
            image.addNumbers(.boosts, gather { Int64(bitPattern: $0.boost($1).bitPattern) })
        }
        try merge(keywords: { $0.ids }, field: SegmentFormat.idField, image)
        try merge(keywords: { $0.roles }, field: SegmentFormat.rolesField, image)
        for (place, field) in schema.fields.enumerated() {
            switch field.kind {
            case .text: try merge(texts: { $0.fields[place] }, field: UInt16(place), image)
            case .keyword: try merge(keywords: { $0.fields[place] }, field: UInt16(place), image)
            case .number, .date: merge(numbers: { $0.fields[place].column }, field: UInt16(place), image)
            }
        }
        return image
    }

    private func gather(_ value: (Segment, Int) -> Int64) -> [Int64] {
        var all: [Int64] = []
        all.reserveCapacity(documentCount)
        for (place, source) in sources.enumerated() {
            for document in 0..<source.segment.documentCount where numbers[place][document] != Self.gone {
                all.append(value(source.segment, document))
            }
        }
        return all
    }

    private func merge(numbers column: (Segment) -> Column?, field: UInt16, _ image: SegmentImage) {
        let columns = sources.compactMap { column($0.segment) }
        precondition(columns.count == sources.count, "A segment of the schema has a column for each number and date.")
        let isDouble = columns.contains { $0.representation == .double }
        var writer = ColumnWriter()
        for (source, column) in columns.enumerated() {
            let turns = isDouble && column.representation == .integer
            for document in 0..<column.documentCount where numbers[source][document] != Self.gone {
                writer.add(
                    column.places(of: document).map { turns ? Column.ordered(Double(column[$0])) : column[$0] })
            }
        }
        image.add(.column, field: field, writer.write(isDouble ? .double : .integer))
    }

    private func merge(texts field: (Segment) -> SegmentField, field number: UInt16, _ image: SegmentImage)
        throws(SearchError)
    {
        let fields = sources.map { field($0.segment) }
        let norms = ByteSink(capacity: documentCount)
        for (source, field) in fields.enumerated() {
            guard let bytes = field.norms else { continue }
            for document in 0..<sources[source].segment.documentCount where numbers[source][document] != Self.gone {
                norms.append(bytes[document])
            }
        }
        let dictionary = TermDictionaryWriter(hasPositions: true)
        let postings = PostingsWriter(hasPositions: true)
        let occurrences = try mergeTerms(fields, dictionary, postings, norms: norms) { _, _, _ in }
        var filled: UInt64 = 0
        for document in 0..<documentCount where norms[document] > 0 { filled += 1 }
        image.add(dictionary, postings, field: number)
        image.add(.norms, field: number, norms)
        image.addLengths(occurrences: occurrences, documents: filled, field: number)
    }

    private func merge(keywords field: (Segment) -> SegmentField, field number: UInt16, _ image: SegmentImage)
        throws(SearchError)
    {
        let fields = sources.map { field($0.segment) }
        let dictionary = TermDictionaryWriter(hasPositions: false)
        let postings = PostingsWriter(hasPositions: false)
        // For each source the new ordinal of each of its own.
        var ordinals = fields.map { [Int64](repeating: 0, count: $0.dictionary?.count ?? 0) }
        _ = try mergeTerms(fields, dictionary, postings, norms: nil) { source, old, new in
            ordinals[source][old] = Int64(new)
        }
        var writer = ColumnWriter()
        for (source, field) in fields.enumerated() {
            guard let column = field.column else { continue }
            for document in 0..<column.documentCount where numbers[source][document] != Self.gone {
                let places = column.places(of: document)
                guard places.allSatisfy({ ordinals[source].indices.contains(Int(column[$0])) }) else {
                    throw .damaged("a value is not in its dictionary")
                }
                writer.add(places.map { ordinals[source][Int(column[$0])] })
            }
        }
        image.add(dictionary, postings, field: number)
        image.add(.column, field: number, writer.write(.integer))
    }

    /// Writes the terms of all sources in order, each once, if one of its documents is left.
    ///
    /// - Returns: How often terms occur.
    private func mergeTerms(
        _ fields: [SegmentField], _ dictionary: TermDictionaryWriter, _ postings: PostingsWriter, norms: ByteSink?,
        moved: (_ source: Int, _ old: Int, _ new: Int) -> Void
    ) throws(SearchError) -> UInt64 {
        let iterators = fields.compactMap { $0.dictionary.map(TermIterator.init) }
        guard iterators.count == fields.count else { throw .damaged("a dictionary is missing") }
        for iterator in iterators { iterator.advance() }
        var (occurrences, equal, term, positions) = (UInt64(0), [Int](), [UInt8](), PositionList())
        defer { positions.free() }
        while true {
            equal.removeAll(keepingCapacity: true)
            for (place, iterator) in iterators.enumerated() where iterator.entry != nil {
                guard let first = equal.first else {
                    equal.append(place)
                    continue
                }
                let order = compare(iterator.bytes, iterators[first].bytes)
                if order < 0 { equal.removeAll(keepingCapacity: true) }
                if order <= 0 { equal.append(place) }
            }
            guard let first = equal.first else { break }
            term.removeAll(keepingCapacity: true)
            term.append(contentsOf: iterators[first].bytes)
            postings.begin()
            for source in equal {
                guard let entry = iterators[source].entry else { continue }
                try copy(fields[source], entry, source, postings, norms, &positions, &occurrences)
            }
            let written = postings.finish()
            if written.documents > 0 {
                for source in equal { moved(source, iterators[source].entry?.ordinal ?? 0, dictionary.count) }
                term.withUnsafeBytes {
                    dictionary.add(
                        $0, documents: written.documents, postingsLength: written.postingsLength,
                        positionsLength: written.positionsLength)
                }
            }
            for source in equal { iterators[source].advance() }
        }
        if iterators.contains(where: \.isDamaged) { throw .damaged("a dictionary cannot be read") }
        return occurrences
    }

    private func copy(
        _ field: SegmentField, _ entry: TermEntry, _ source: Int, _ postings: PostingsWriter, _ norms: ByteSink?,
        _ positions: inout PositionList, _ occurrences: inout UInt64
    ) throws(SearchError) {
        var cursor = field.cursor(entry, documentCount: sources[source].segment.documentCount)
        defer { cursor.free() }
        cursor.advance()
        let ofSource = numbers[source]
        while cursor.document != PostingCursor.end {
            let document = ofSource[Int(cursor.document)]
            if document != Self.gone {
                cursor.needCounts()
                let count = cursor.counts[cursor.place]
                postings.add(document: document, count: count, norm: norms.map { $0[Int(document)] } ?? 0)
                if norms != nil {
                    positions.count = 0
                    cursor.appendPositions(to: &positions, asWritten: true)
                    guard positions.count == Int(count) else { throw .damaged("positions are missing") }
                    for place in 0..<positions.count { postings.add(position: positions.base[place]) }
                    occurrences += UInt64(count)
                }
            }
            cursor.advance()
        }
        if cursor.isDamaged { throw .damaged("documents of a term cannot be read") }
    }
}
