import CognitionCore

/// Makes a segment of documents.
final class SegmentBuilder {
    /// Positions between two values of a text field, so that no phrase goes over from one to the next.
    static let gapBetweenValues = 100

    private let schema: IndexSchema
    private let ids = TermCollector()
    private let roles = TermCollector()
    private var columns: [FieldColumn]
    private(set) var documentCount = 0
    private var sequences: [Int64] = []
    private var fingerprints: [Int64] = []
    private var boosts: [Double] = []

    private enum FieldColumn {
        case text(TermCollector, norms: ByteSink, analyzer: any Analyzer)
        case keyword(TermCollector)
        case number(ColumnWriter, isWhole: Bool)
        case date(ColumnWriter)
    }

    init(schema: IndexSchema) {
        self.schema = schema
        columns = schema.fields.map { field in
            switch field.kind {
            case .text: .text(TermCollector(), norms: ByteSink(), analyzer: field.analyzer ?? schema.folder)
            case .keyword: .keyword(TermCollector())
            case .number: .number(ColumnWriter(), isWhole: true)
            case .date: .date(ColumnWriter())
            }
        }
    }

    var byteCount: Int {
        columns.reduce(ids.byteCount) { sum, column in
            switch column {
            case .text(let terms, _, _), .keyword(let terms): sum + terms.byteCount
            case .number(let values, _), .date(let values): sum + values.documentCount * 8
            }
        }
    }

    func add(_ document: SearchDocument, sequence: Int64) {
        add(keyword: document.id, to: ids)
        roles.beginDocument()
        if let names = document.roles {
            for name in names { roles.add("r" + name) }
        } else {
            roles.add(SegmentFormat.everyone)
        }
        sequences.append(sequence)
        fingerprints.append(Int64(bitPattern: document.fingerprint))
        boosts.append(document.boost.isFinite && document.boost > 0 ? document.boost : 1)
        for (place, field) in schema.fields.enumerated() {
            let values = FieldValues(document.fields[field.name], of: field.kind)
            switch columns[place] {
            case .text(let terms, let norms, let analyzer):
                add(texts: values.texts, to: terms, norms, analyzer)
            case .keyword(let terms):
                terms.beginDocument()
                for text in values.texts { terms.add(text) }
            case .number(var column, var isWhole):
                columns[place] = .date(ColumnWriter())  // gives the column up, so that it is not copied
                let numbers = values.numbers
                isWhole = isWhole && numbers.allSatisfy { $0 == $0.rounded() && abs($0) <= 0x1p53 }
                column.add(numbers.map(Column.ordered).sorted())
                columns[place] = .number(column, isWhole: isWhole)
            case .date(var column):
                columns[place] = .date(ColumnWriter())
                column.add(values.moments.sorted())
                columns[place] = .date(column)
            }
        }
        documentCount += 1
    }

    private func add(keyword: String, to terms: TermCollector) {
        terms.beginDocument()
        terms.add(keyword)
    }

    private func add(texts: [String], to terms: TermCollector, _ norms: ByteSink, _ analyzer: any Analyzer) {
        terms.beginDocument()
        var (base, last) = (0, -1)
        for var text in texts {
            text.withUTF8 { bytes in
                analyzer.analyze(UnsafeRawBufferPointer(bytes)) { term in
                    guard !term.term.isEmpty, term.term.count <= 255 else { return }
                    // Positions do not fall; what falls would not be written.
                    last = max(last, base + term.position)
                    terms.add(term.term, position: UInt32(truncatingIfNeeded: min(last, Int(Int32.max))))
                }
            }
            base = last + 1 + Self.gapBetweenValues
        }
        norms.append(Norm.byte(length: terms.lengthOfDocument))
    }

    /// The segment of what was added; nothing can be added afterwards.
    func finish() -> SegmentImage {
        let image = SegmentImage()
        let summary = ByteSink()
        summary.append(UInt64(documentCount))
        image.add(.summary, summary)
        image.addNumbers(.sequences, sequences)
        image.addNumbers(.fingerprints, fingerprints)
        if boosts.contains(where: { $0 != 1 }) {
            image.addNumbers(.boosts, boosts.map { Int64(bitPattern: $0.bitPattern) })
        }
        finish(keywords: ids, field: SegmentFormat.idField, image)
        finish(keywords: roles, field: SegmentFormat.rolesField, image)
        for (place, column) in columns.enumerated() {
            let field = UInt16(place)
            switch column {
            case .text(let terms, let norms, _): finish(text: terms, norms, field: field, image)
            case .keyword(let terms): finish(keywords: terms, field: field, image)
            case .number(let values, let isWhole):
                image.add(.column, field: field, isWhole ? values.whole().write(.integer) : values.write(.double))
            case .date(let values): image.add(.column, field: field, values.write(.integer))
            }
        }
        return image
    }

    private func finish(text terms: TermCollector, _ norms: ByteSink, field: UInt16, _ image: SegmentImage) {
        let sorted = terms.sortedTerms()
        let dictionary = TermDictionaryWriter(hasPositions: true)
        let postings = PostingsWriter(hasPositions: true)
        terms.forEachTerm(in: sorted) { _, number, occurrences in
            postings.begin()
            var place = 0
            while place < occurrences.count {
                let document = UInt32(truncatingIfNeeded: occurrences[place] >> 32)
                var (end, before) = (place, UInt32(0))
                while end < occurrences.count, UInt32(truncatingIfNeeded: occurrences[end] >> 32) == document {
                    end += 1
                }
                postings.add(document: document, count: UInt32(end - place), norm: norms[Int(document)])
                for occurrence in occurrences[place..<end] {
                    let position = UInt32(truncatingIfNeeded: occurrence)
                    postings.add(position: position - before)
                    before = position
                }
                place = end
            }
            let written = postings.finish()
            dictionary.add(
                terms.bytes(of: number), documents: written.documents, postingsLength: written.postingsLength,
                positionsLength: written.positionsLength)
        }
        var filled: UInt64 = 0
        for document in 0..<documentCount where norms[document] > 0 { filled += 1 }
        image.add(dictionary, postings, field: field)
        image.add(.norms, field: field, norms)
        image.addLengths(occurrences: UInt64(terms.occurrenceCount), documents: filled, field: field)
    }

    private func finish(keywords terms: TermCollector, field: UInt16, _ image: SegmentImage) {
        let sorted = terms.sortedTerms()
        let dictionary = TermDictionaryWriter(hasPositions: false)
        let postings = PostingsWriter(hasPositions: false)
        terms.forEachTerm(in: sorted) { _, number, occurrences in
            postings.begin()
            var last = UInt64.max
            for occurrence in occurrences where occurrence >> 32 != last {
                last = occurrence >> 32
                postings.add(document: UInt32(truncatingIfNeeded: last), count: 1, norm: 0)
            }
            let written = postings.finish()
            dictionary.add(
                terms.bytes(of: number), documents: written.documents, postingsLength: written.postingsLength,
                positionsLength: 0)
        }
        image.add(dictionary, postings, field: field)
        image.add(.column, field: field, terms.ranks(in: sorted).write(.integer))
    }
}

extension TermCollector {
    fileprivate func add(_ text: String) {
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0), position: 0) }
    }
}

extension SegmentImage {
    func add(_ dictionary: TermDictionaryWriter, _ postings: PostingsWriter, field: UInt16) {
        add(.terms, field: field, dictionary.terms)
        add(.termTable, field: field, dictionary.table())
        add(.postings, field: field, postings.postings)
        if let positions = postings.positions { add(.positions, field: field, positions) }
    }

    func addNumbers(_ part: SegmentFormat.Part, _ numbers: [Int64]) {
        let sink = ByteSink(capacity: numbers.count + 32)
        PackedNumbers.write(numbers, into: sink)
        add(part, sink)
    }

    func addLengths(occurrences: UInt64, documents: UInt64, field: UInt16) {
        let sink = ByteSink()
        sink.append(occurrences)
        sink.append(documents)
        add(.lengths, field: field, sink)
    }
}
