/// A term as the dictionary has it.
struct TermEntry {
    /// Place in the order of terms.
    var ordinal: Int
    /// Documents that have it, deleted ones included.
    var documentCount: Int
    var postings: Range<Int>
    var positions: Range<Int>
}

/// Writes sorted terms in blocks of 16, each term without what it shares with the one before.
///
/// A term: shared length, length of the rest, the rest, documents, bytes of postings, bytes of positions. The table: count of
/// terms, then for each block where it begins among terms, postings and positions (4 bytes each).
final class TermDictionaryWriter {
    static let blockLength = 16

    let terms = ByteSink(capacity: 1 << 12)
    private let blocks = ByteSink()
    private let hasPositions: Bool
    private var before: [UInt8] = []
    private(set) var count = 0
    private var (postings, positions) = (0, 0)

    init(hasPositions: Bool) { self.hasPositions = hasPositions }

    /// Terms come in ascending order of their bytes, each once.
    func add(_ term: UnsafeRawBufferPointer, documents: Int, postingsLength: Int, positionsLength: Int) {
        var shared = 0
        if count % Self.blockLength == 0 {
            blocks.append(UInt32(terms.count))
            blocks.append(UInt32(postings))
            blocks.append(UInt32(positions))
        } else {
            let limit = min(before.count, term.count)
            while shared < limit, before[shared] == term[shared] { shared += 1 }
        }
        terms.append(varint: UInt64(shared))
        terms.append(varint: UInt64(term.count - shared))
        terms.append(UnsafeRawBufferPointer(rebasing: term[shared...]))
        terms.append(varint: UInt64(documents))
        terms.append(varint: UInt64(postingsLength))
        if hasPositions { terms.append(varint: UInt64(positionsLength)) }
        before.removeAll(keepingCapacity: true)
        before.append(contentsOf: term)
        postings += postingsLength
        positions += positionsLength
        count += 1
    }

    /// The table of blocks.
    func table() -> ByteSink {
        let table = ByteSink(capacity: blocks.count + 8)
        table.append(UInt64(count))
        table.append(blocks)
        return table
    }
}

/// The sorted terms of one field of one segment, in the segment's memory.
struct TermDictionary: @unchecked Sendable {
    // Unchecked as it holds pointers: into the memory of a segment, which does not change and outlives it.
    let count: Int
    private let terms: UnsafeRawBufferPointer
    private let table: UnsafeRawBufferPointer
    private let hasPositions: Bool
    private let (postingsLength, positionsLength): (Int, Int)

    /// `nil` if the parts do not fit each other.
    init?(
        terms: UnsafeRawBufferPointer, table: UnsafeRawBufferPointer, hasPositions: Bool, postingsLength: Int,
        positionsLength: Int
    ) {
        var source = ByteSource(table)
        let count = source.number(UInt64.self)
        guard !source.failed, count < UInt64(Int32.max),
            source.left == (Int(count) + 15) / TermDictionaryWriter.blockLength * 12
        else { return nil }
        self.count = Int(count)
        self.terms = terms
        self.table = UnsafeRawBufferPointer(rebasing: table[8...])
        self.hasPositions = hasPositions
        (self.postingsLength, self.positionsLength) = (postingsLength, positionsLength)
    }

    /// More than any that is written.
    private static let termLengthMax = 1_280

    var blockCount: Int { table.count / 12 }

    @inline(__always)
    private func number(block: Int, _ offset: Int) -> Int {
        Int(UInt32(littleEndian: table.loadUnaligned(fromByteOffset: block * 12 + offset, as: UInt32.self)))
    }

    func source(block: Int) -> ByteSource {
        let start = min(number(block: block, 0), terms.count)
        return ByteSource(UnsafeRawBufferPointer(rebasing: terms[start...]))
    }

    func starts(block: Int) -> (postings: Int, positions: Int) {
        (number(block: block, 4), number(block: block, 8))
    }

    /// The entry whose term a source has just read, with the offsets of what came before it moved on; `nil` for damage.
    @inline(__always)
    func entry(
        _ ordinal: Int, _ source: inout ByteSource, _ starts: inout (postings: Int, positions: Int)
    ) -> TermEntry? {
        let documents = source.varint()
        let postings = source.varint()
        let positions = hasPositions ? source.varint() : 0
        guard !source.failed, documents <= UInt64(UInt32.max), postings <= UInt64(postingsLength),
            positions <= UInt64(positionsLength)
        else { return nil }
        let start = starts
        starts.postings += Int(postings)
        starts.positions += Int(positions)
        guard starts.postings <= postingsLength, starts.positions <= positionsLength else { return nil }
        return TermEntry(
            ordinal: ordinal, documentCount: Int(documents), postings: start.postings..<starts.postings,
            positions: start.positions..<starts.positions)
    }

    /// The first term of a block.
    func firstTerm(block: Int) -> UnsafeRawBufferPointer {
        var source = source(block: block)
        _ = source.varint()
        return source.take(Int(truncatingIfNeeded: source.varint() & 0xFFFF_FFFF))
    }

    /// The last block whose first term is not after `term`, at least 0.
    func block(of term: UnsafeRawBufferPointer) -> Int {
        var (low, high) = (0, blockCount)
        while high - low > 1 {
            let middle = (low + high) / 2
            if compare(firstTerm(block: middle), term) <= 0 { low = middle } else { high = middle }
        }
        return low
    }

    /// The entry of a term; `nil` if there is none.
    func find(_ term: UnsafeRawBufferPointer) -> TermEntry? {
        guard count > 0 else { return nil }
        let block = block(of: term)
        var (source, starts) = (source(block: block), starts(block: block))
        // Matching bytes of the term so far, and those by which the block's current term does.
        var matched = 0
        let first = block * TermDictionaryWriter.blockLength
        for ordinal in first..<min(first + TermDictionaryWriter.blockLength, count) {
            let shared = Int(truncatingIfNeeded: source.varint() & 0xFFFF_FFFF)
            let rest = source.take(Int(truncatingIfNeeded: source.varint() & 0xFFFF_FFFF))
            guard let entry = entry(ordinal, &source, &starts) else { return nil }
            if shared > matched { continue }
            if shared < matched { return nil }
            var place = 0
            while place < rest.count, matched < term.count, rest[place] == term[matched] {
                place += 1
                matched += 1
            }
            if place == rest.count {
                if matched == term.count { return entry }
            } else if matched == term.count || rest[place] > term[matched] {
                return nil
            }
        }
        return nil
    }

    /// The term at a place in the order; `nil` for damage.
    func term(at ordinal: Int) -> String? {
        guard (0..<count).contains(ordinal) else { return nil }
        let block = ordinal / TermDictionaryWriter.blockLength
        var source = source(block: block)
        let wanted = ordinal % TermDictionaryWriter.blockLength
        // What of each term is not shared with the one before it, and then, from the last back, what of it is still there.
        return withUnsafeTemporaryAllocation(
            of: (shared: Int, rest: UnsafeRawBufferPointer).self, capacity: TermDictionaryWriter.blockLength
        ) { pieces -> String? in
            var length = 0
            for place in 0...wanted {
                let shared = Int(truncatingIfNeeded: source.varint() & 0xFFFF_FFFF)
                let rest = source.take(Int(truncatingIfNeeded: source.varint() & 0xFFFF_FFFF))
                guard shared <= length, !source.failed else { return nil }
                length = shared + rest.count
                guard length <= Self.termLengthMax else { return nil }
                pieces.initializeElement(at: place, to: (shared, rest))
                if place < wanted { for _ in 0..<(hasPositions ? 3 : 2) { _ = source.varint() } }
            }
            return String(unsafeUninitializedCapacity: max(1, length)) { term in
                let start = UnsafeMutableRawPointer(term.baseAddress.unsafelyUnwrapped)
                var (place, end) = (wanted, length)
                while end > 0, place >= 0 {
                    let (shared, rest) = pieces[place]
                    if shared < end, let source = rest.baseAddress {
                        (start + shared).copyMemory(from: source, byteCount: end - shared)
                        end = shared
                    }
                    place -= 1
                }
                return length
            }
        }
    }

    func find(_ term: String) -> TermEntry? {
        var term = term
        return term.withUTF8 { find(UnsafeRawBufferPointer($0)) }
    }
}

/// -1, 0, 1: the order of bytes, a beginning before what goes on.
@inline(__always)
func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
    let length = min(left.count, right.count)
    var place = 0
    while place < length {
        if left[place] != right[place] { return left[place] < right[place] ? -1 : 1 }
        place += 1
    }
    return left.count == right.count ? 0 : left.count < right.count ? -1 : 1
}
