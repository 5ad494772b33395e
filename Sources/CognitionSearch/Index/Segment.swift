import CognitionCore

/// A part of an index that does not change: some documents, in the order of the changes that put them.
///
/// Which of them are still there is said by ``AliveBits`` beside it.
final class Segment: Sendable {
    let memory: SegmentMemory
    /// Name of its file; `nil` in memory.
    let file: String?
    let documentCount: Int
    let sequences: PackedNumbers
    let fingerprints: PackedNumbers
    let boosts: PackedNumbers?
    /// The greatest boost of a document, 1 at least.
    let boostMax: Double
    let ids: SegmentField
    let roles: SegmentField
    /// In the order of the schema.
    let fields: [SegmentField]
    /// Whether each document may be found by everyone.
    let isOpenToAll: Bool

    var byteCount: Int { memory.bytes.count }

    /// Reads the table and checks all checksums.
    ///
    /// - Throws: `search.index_damaged` for bytes that are no segment of the schema.
    init(_ memory: SegmentMemory, file: String? = nil, schema: IndexSchema) throws(SearchError) {
        self.memory = memory
        self.file = file
        let parts = try SegmentParts(memory.bytes)
        var summary = ByteSource(try parts.bytes(.summary))
        let count = summary.number(UInt64.self)
        guard !summary.failed, count > 0, count < UInt64(Int32.max) else {
            throw .damaged("it says no count of documents")
        }
        documentCount = Int(count)
        sequences = try parts.numbers(.sequences, count: documentCount)
        fingerprints = try parts.numbers(.fingerprints, count: documentCount)
        var (boosts, boostMax) = (PackedNumbers?.none, 1.0)
        if parts.has(.boosts) {
            let numbers = try parts.numbers(.boosts, count: documentCount)
            for document in 0..<documentCount {
                let boost = Double(bitPattern: UInt64(bitPattern: numbers[document]))
                guard boost.isFinite, boost > 0 else { throw .damaged("a boost is none") }
                boostMax = max(boostMax, boost)
            }
            boosts = numbers
        }
        (self.boosts, self.boostMax) = (boosts, boostMax)
        ids = try SegmentField(parts, field: SegmentFormat.idField, kind: .keyword, documentCount: documentCount)
        roles = try SegmentField(parts, field: SegmentFormat.rolesField, kind: .keyword, documentCount: documentCount)
        var fields: [SegmentField] = []
        for (place, field) in schema.fields.enumerated() {
            fields.append(
                try SegmentField(parts, field: UInt16(place), kind: field.kind, documentCount: documentCount))
        }
        self.fields = fields
        isOpenToAll = roles.dictionary?.find(SegmentFormat.everyone)?.documentCount == documentCount
    }

    func boost(_ document: Int) -> Double {
        boosts.map { Double(bitPattern: UInt64(bitPattern: $0[document])) } ?? 1
    }

    /// The document of an id, deleted or not.
    func document(id: String) throws(SearchError) -> Int? {
        var id = id
        let found = id.withUTF8 { ids.dictionary?.find(UnsafeRawBufferPointer($0)) }
        guard let found else { return nil }
        var cursor = ids.cursor(found, documentCount: documentCount)
        defer { cursor.free() }
        cursor.advance()
        guard !cursor.isDamaged, found.documentCount == 1 else { throw .damaged("an id has no document") }
        return Int(cursor.document)
    }

    /// The id of a document.
    func id(of document: Int) throws(SearchError) -> String {
        guard let column = ids.column, let place = column.places(of: document).first,
            let id = ids.dictionary?.term(at: Int(column[place]))
        else { throw .damaged("a document has no id") }
        return id
    }
}

/// A field's part of a segment.
struct SegmentField: @unchecked Sendable {
    // Unchecked as it holds pointers: into the memory of the segment, which does not change and outlives it.
    let dictionary: TermDictionary?
    let postings: UnsafeRawBufferPointer
    let positions: UnsafeRawBufferPointer
    /// A byte for each document, of texts.
    let norms: UnsafePointer<UInt8>?
    let column: Column?
    /// Occurrences of terms, and documents that have some.
    let (occurrences, documentsWithTerms): (Int, Int)

    fileprivate init(
        _ parts: SegmentParts, field: UInt16, kind: SearchField.Kind, documentCount: Int
    ) throws(SearchError) {
        let isText = kind == .text
        if kind == .text || kind == .keyword {
            postings = try parts.bytes(.postings, field: field)
            positions =
                isText ? try parts.bytes(.positions, field: field) : UnsafeRawBufferPointer(start: nil, count: 0)
            dictionary = TermDictionary(
                terms: try parts.bytes(.terms, field: field), table: try parts.bytes(.termTable, field: field),
                hasPositions: isText, postingsLength: postings.count, positionsLength: positions.count)
            if dictionary == nil { throw .damaged("a dictionary does not fit its table") }
        } else {
            (dictionary, postings) = (nil, UnsafeRawBufferPointer(start: nil, count: 0))
            positions = postings
        }
        if isText {
            let bytes = try parts.bytes(.norms, field: field)
            guard bytes.count == documentCount else { throw .damaged("lengths of a field are missing") }
            norms = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            var lengths = ByteSource(try parts.bytes(.lengths, field: field))
            let (occurrences, documents) = (lengths.number(UInt64.self), lengths.number(UInt64.self))
            guard !lengths.failed, occurrences < 1 << 48, documents <= UInt64(documentCount) else {
                throw .damaged("the length of a field is none")
            }
            (self.occurrences, documentsWithTerms) = (Int(occurrences), Int(documents))
            column = nil
        } else {
            (norms, occurrences, documentsWithTerms) = (nil, 0, 0)
            column = Column(try parts.bytes(.column, field: field), documentCount: documentCount)
            if column == nil { throw .damaged("a column does not fit") }
        }
    }

    /// A cursor that its caller frees, unless it lends the buffer.
    func cursor(
        _ entry: TermEntry, documentCount: Int, buffer: UnsafeMutablePointer<UInt32>? = nil
    ) -> PostingCursor {
        PostingCursor(
            postings: UnsafeRawBufferPointer(rebasing: postings[entry.postings]),
            positions: UnsafeRawBufferPointer(rebasing: positions[entry.positions]),
            documentCount: entry.documentCount, documentLimit: documentCount, buffer: buffer)
    }
}

/// The table of a segment's parts.
private struct SegmentParts {
    private struct Key: Hashable {
        var part: UInt16
        var field: UInt16
    }

    private let bytes: UnsafeRawBufferPointer
    private var ranges: [Key: Range<Int>] = [:]

    init(_ bytes: UnsafeRawBufferPointer) throws(SearchError) {
        self.bytes = bytes
        guard bytes.count >= SegmentFormat.headLength + SegmentFormat.tailLength else {
            throw .damaged("it is too short")
        }
        var head = ByteSource(bytes)
        guard head.number(UInt64.self) == SegmentFormat.magic,
            head.number(UInt64.self) == UInt64(SegmentFormat.version)
        else { throw .damaged("it is of another format") }
        let tailStart = bytes.count - SegmentFormat.tailLength
        var tail = ByteSource(UnsafeRawBufferPointer(rebasing: bytes[tailStart...]))
        let tableStart = tail.number(UInt64.self)
        let count = Int(tail.number(UInt32.self))
        let checksum = tail.number(UInt32.self)
        let length = tail.number(UInt64.self)
        guard length == UInt64(bytes.count), tail.number(UInt64.self) == SegmentFormat.magic,
            tableStart <= UInt64(tailStart), Int(tableStart) + count * SegmentFormat.entryLength == tailStart
        else { throw .damaged("its end is not where it should be") }
        let table = UnsafeRawBufferPointer(rebasing: bytes[Int(tableStart)..<tailStart])
        guard CRC32.checksum(table) == checksum else { throw .damaged("the checksum of its table is wrong") }
        var source = ByteSource(table)
        // Parts lie one after the other; padding is zero, so that no byte of the file is without a check.
        var end = SegmentFormat.headLength
        for _ in 0..<count {
            let key = Key(part: source.number(), field: source.number())
            let checksum = source.number(UInt32.self)
            let (offset, length) = (source.number(UInt64.self), source.number(UInt64.self))
            _ = source.number(UInt64.self)
            guard offset == UInt64(end), length <= tableStart, offset + length <= tableStart else {
                throw .damaged("a part is not where it should be")
            }
            let range = end..<(end + Int(length))
            guard CRC32.checksum(UnsafeRawBufferPointer(rebasing: bytes[range])) == checksum else {
                throw .damaged("the checksum of a part is wrong")
            }
            end = (range.upperBound + 7) / 8 * 8
            guard end <= Int(tableStart), bytes[range.upperBound..<end].allSatisfy({ $0 == 0 }) else {
                throw .damaged("a part is not where it should be")
            }
            ranges[key] = range
        }
        guard end == Int(tableStart) else { throw .damaged("a part is not where it should be") }
    }

    func has(_ part: SegmentFormat.Part) -> Bool { ranges[Key(part: part.rawValue, field: 0)] != nil }

    func bytes(_ part: SegmentFormat.Part, field: UInt16 = 0) throws(SearchError) -> UnsafeRawBufferPointer {
        guard let range = ranges[Key(part: part.rawValue, field: field)] else { throw .damaged("a part is missing") }
        return UnsafeRawBufferPointer(rebasing: bytes[range])
    }

    func numbers(_ part: SegmentFormat.Part, count: Int) throws(SearchError) -> PackedNumbers {
        var source = ByteSource(try bytes(part))
        guard let numbers = PackedNumbers(&source, count: count) else { throw .damaged("numbers are missing") }
        return numbers
    }
}

extension SearchError {
    static func damaged(_ reason: String) -> SearchError {
        SearchError(.searchIndexDamaged, "A file of the search index is damaged: \(reason). The index is made anew.")
    }
}
