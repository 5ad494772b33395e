/// An entry of the table in front of a term's blocks.
enum PostingBlock {
    /// Last document, offset of the block, offset of its positions (4 bytes each), then four pairs of count and norm.
    static let size = 20
    static let impacts = 12
}

/// Goes through the documents of one term in one segment.
///
/// A struct behind a pointer that its owner frees: the loops that use it neither count references nor check exclusivity.
/// It believes no byte: what does not fit ends the cursor and sets `isDamaged`.
package struct PostingCursor {
    package static let end = UInt32.max
    static let bufferLength = 2 * (BitPacking.blockLength + 4)

    private let data: UnsafePointer<UInt8>
    private let dataLength: Int
    private let positions: UnsafeRawBufferPointer
    /// How many documents have the term, deleted ones included.
    let documentCount: Int
    /// Entries of the table, 0 of a term without one.
    let blockCount: Int
    private let documentLimit: UInt32

    /// Documents and counts of the current block; the places from `count` on hold `end`.
    package let docs: UnsafeMutablePointer<UInt32>
    package let counts: UnsafeMutablePointer<UInt32>
    private(set) var count = 0
    package var place = 0
    private(set) var block = -1
    private var countBits = 0
    private var countSource: UnsafePointer<UInt8>?
    package private(set) var isDamaged = false

    // Where the positions of the current block's documents lie.
    private var positionBits = 0
    private var positionData: UnsafeRawPointer?
    private var positionBytes = 0
    private var positionsOf = (place: 0, before: 0)

    /// Stands before the first document; `advance` or `seek` goes on.
    ///
    /// - Parameter buffer: Memory of `bufferLength` numbers that the caller keeps; without it the cursor has its own.
    package init(
        postings: UnsafeRawBufferPointer, positions: UnsafeRawBufferPointer, documentCount: Int, documentLimit: Int,
        buffer: UnsafeMutablePointer<UInt32>? = nil
    ) {
        // An empty list has no address and is damage; what stands for it is never read.
        data =
            postings.baseAddress?.assumingMemoryBound(to: UInt8.self)
            ?? UnsafePointer<UInt8>(bitPattern: 16).unsafelyUnwrapped
        dataLength = postings.count
        self.positions = positions
        self.documentCount = documentCount
        self.documentLimit = UInt32(documentLimit)
        docs = buffer ?? .allocate(capacity: Self.bufferLength)
        counts = docs + (BitPacking.blockLength + 4)
        let blocks = documentCount < BitPacking.blockLength ? 0 : (documentCount + 127) / BitPacking.blockLength
        blockCount = blocks
        if blocks * PostingBlock.size > dataLength || documentCount < 1 || documentCount > documentLimit { damage() }
    }

    package func free() { docs.deallocate() }

    private mutating func damage() {
        isDamaged = true
        count = 0
        place = 0
        block = max(1, blockCount)
        docs[0] = Self.end
    }

    /// The current document, or `end`.
    @inline(__always)
    package var document: UInt32 { docs[place] }

    @inline(__always)
    private func entry(_ block: Int, _ offset: Int) -> UInt32 {
        UInt32(
            littleEndian: UnsafeRawPointer(data).loadUnaligned(
                fromByteOffset: block &* PostingBlock.size &+ offset, as: UInt32.self))
    }

    /// Last document of a block of the table.
    @inline(__always)
    func lastDocument(ofBlock block: Int) -> UInt32 { entry(block, 0) }

    /// Eight bytes: four pairs of count and norm, unused ones with count 0.
    @inline(__always)
    func impacts(ofBlock block: Int) -> UnsafePointer<UInt8> {
        data + (block &* PostingBlock.size &+ PostingBlock.impacts)
    }

    /// The first block from `block` on whose last document is not before `target`; `blockCount` if there is none.
    @inline(__always)
    func block(from block: Int, reaching target: UInt32) -> Int {
        var block = block
        while block < blockCount, entry(block, 0) < target { block &+= 1 }
        return block
    }

    /// Goes to the first document not before `target`, which is not before the current one.
    @inline(__always)
    package mutating func seek(_ target: UInt32) {
        if block < 0 || docs[place] < target { seekOn(target) }
    }

    /// Where a document stands in the current block; `nil` where it does not.
    ///
    /// Without branches, as it is of no use to guess where one of 128 is, and with nothing that waits for the search before.
    @inline(__always)
    func place(ofDocument document: UInt32) -> Int? {
        let docs = docs
        var low = docs[63] < document ? 64 : 0
        low &+= docs[low &+ 31] < document ? 32 : 0
        low &+= docs[low &+ 15] < document ? 16 : 0
        low &+= docs[low &+ 7] < document ? 8 : 0
        low &+= docs[low &+ 3] < document ? 4 : 0
        low &+= docs[low &+ 1] < document ? 2 : 0
        low &+= docs[low] < document ? 1 : 0
        low &+= docs[low] < document ? 1 : 0
        return docs[low] == document ? low : nil
    }

    @inline(never)
    private mutating func seekOn(_ target: UInt32) {
        if blockCount == 0 {
            if block < 0 { load(block: 0) }
        } else if block < 0 || (block < blockCount && entry(block, 0) < target) {
            let next = block(from: max(0, block), reaching: target)
            if next != block { load(block: next) }
        }
        var low = place
        let docs = docs
        if low < count, docs[low] < target {
            // Gallop: what is sought is mostly near.
            var step = 1
            while low &+ step < count, docs[low &+ step] < target {
                low &+= step
                step &<<= 1
            }
            var high = min(low &+ step, count)
            // docs[low] < target, docs[high] >= target or the end
            while high &- low > 1 {
                let middle = (low &+ high) &>> 1
                if docs[middle] < target { low = middle } else { high = middle }
            }
            place = high
        }
        if place == count, blockCount == 0 || block < blockCount { load(block: block &+ 1) }
    }

    /// Goes to the next document.
    @inline(__always)
    package mutating func advance() {
        if place < count { place &+= 1 }
        if place >= count, block < max(1, blockCount) { load(block: block &+ 1) }
    }

    /// Makes `block` the current one and stands at its first document; past the last it stands at the end.
    mutating func load(block next: Int) {
        place = 0
        block = next
        positionData = nil
        if next >= max(1, blockCount) {
            count = 0
            docs[0] = Self.end
            return
        }
        let isRest = blockCount == 0 || (next == blockCount - 1 && documentCount % BitPacking.blockLength != 0)
        let offset = blockCount == 0 ? 0 : Int(entry(next, 4))
        let before = next == 0 ? -1 : Int64(entry(next - 1, 0))
        guard offset <= dataLength else { return damage() }
        if isRest { loadRest(offset: offset, before: before) } else { loadPacked(offset: offset, before: before) }
    }

    private mutating func loadPacked(offset: Int, before: Int64) {
        guard offset + 2 <= dataLength else { return damage() }
        let (gapBits, bits) = (Int(data[offset]), Int(data[offset + 1]))
        guard gapBits <= 32, bits <= 32, offset + 2 + 16 * (gapBits + bits) <= dataLength else { return damage() }
        let source = data + (offset + 2)
        BitPacking.unpack(UnsafeRawPointer(source), bits: gapBits, into: docs)
        var sum = before
        let docs = docs
        for place in 0..<BitPacking.blockLength {
            sum &+= Int64(docs[place]) &+ 1
            docs[place] = UInt32(truncatingIfNeeded: sum)
        }
        // Gaps are not negative, so a last document below the limit bounds them all.
        guard sum == Int64(lastDocument(ofBlock: block)), sum < Int64(documentLimit) else { return damage() }
        docs[BitPacking.blockLength] = Self.end
        count = BitPacking.blockLength
        countBits = bits
        countSource = source + 16 * gapBits
    }

    private mutating func loadRest(offset: Int, before: Int64) {
        var source = ByteSource(data + offset, end: data + dataLength)
        let length = documentCount % BitPacking.blockLength
        var last = before
        for place in 0..<length {
            let code = source.varint()
            // A gap beyond 32 bits is damage, and would overflow.
            guard code >> 33 == 0 else { return damage() }
            last += Int64(code >> 1) + 1
            docs[place] = UInt32(truncatingIfNeeded: last)
            counts[place] = code & 1 == 1 ? 1 : UInt32(truncatingIfNeeded: source.varint())
        }
        guard !source.failed, last < Int64(documentLimit) else { return damage() }
        if blockCount > 0, last != Int64(lastDocument(ofBlock: block)) { return damage() }
        for place in length...BitPacking.blockLength { docs[place] = Self.end }
        count = length
        countSource = nil
    }

    /// Makes `counts` those of the current block.
    @inline(__always)
    package mutating func needCounts() {
        if let source = countSource { unpackCounts(source) }
    }

    @inline(never)
    private mutating func unpackCounts(_ source: UnsafePointer<UInt8>) {
        BitPacking.unpack(UnsafeRawPointer(source), bits: countBits, into: counts)
        let counts = counts
        for place in 0..<BitPacking.blockLength { counts[place] &+= 1 }
        countSource = nil
    }
}

// MARK: - Positions

extension PostingCursor {
    /// The positions of the current document.
    package mutating func positionsHere() -> [UInt32] {
        var list = PositionList()
        defer { list.free() }
        appendPositions(to: &list)
        return Array(UnsafeBufferPointer(start: list.base, count: list.count))
    }

    /// Appends the positions of the current document; with `asWritten` as they are stored, the first and then distances.
    mutating func appendPositions(to list: inout PositionList, asWritten: Bool = false) {
        needCounts()
        if positionData == nil { findPositions() }
        guard let positionData, place >= positionsOf.place else { return }
        var before = positionsOf.before
        var earlier = positionsOf.place
        while earlier < place {
            before &+= Int(counts[earlier])
            earlier &+= 1
        }
        positionsOf = (place, before)
        let amount = Int(counts[place])
        guard amount >= 0, (before + amount) * positionBits <= positionBytes * 8, positionBits > 0 || amount <= 1 << 16
        else { return damage() }
        let target = list.extend(by: amount)
        let (bits, mask): (Int, UInt64) = (positionBits, (1 << UInt64(positionBits)) - 1)
        var (bit, position) = (before * bits, UInt32(0))
        for number in 0..<amount {
            let word = UInt64(littleEndian: positionData.loadUnaligned(fromByteOffset: bit &>> 3, as: UInt64.self))
            let value = UInt32(truncatingIfNeeded: (word &>> UInt64(bit & 7)) & mask)
            position = asWritten ? value : position &+ value
            target[number] = position
            bit &+= bits
        }
    }

    private mutating func findPositions() {
        let offset = blockCount == 0 ? 0 : Int(entry(block, 8))
        guard let start = positions.baseAddress, offset < positions.count else { return damage() }
        positionBits = Int(positions[offset])
        guard positionBits <= 32 else { return damage() }
        positionData = start + (offset + 1)
        positionBytes = positions.count - offset - 1
        positionsOf = (0, 0)
    }
}

/// Positions of a term, in memory that its owner frees.
struct PositionList {
    private(set) var base = UnsafeMutablePointer<UInt32>.allocate(capacity: 32)
    var count = 0
    private var capacity = 32

    func free() { base.deallocate() }

    @inline(__always)
    mutating func extend(by amount: Int) -> UnsafeMutablePointer<UInt32> {
        if count + amount > capacity { grow(by: amount) }
        defer { count &+= amount }
        return base + count
    }

    @inline(never)
    private mutating func grow(by amount: Int) {
        let larger = UnsafeMutablePointer<UInt32>.allocate(capacity: 2 * (count + amount))
        larger.update(from: base, count: count)
        base.deallocate()
        (base, capacity) = (larger, 2 * (count + amount))
    }
}
