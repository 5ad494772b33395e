/// Writes the documents of one term after the other, with how often the term stands in each and where.
///
/// Of a term with fewer than 128 documents: for each document `varint(gap << 1 | once)`, then the count where it is not
/// one. Of others: a table of ``PostingBlock`` entries, then blocks of 128 documents (`gap bits`, `count bits`, packed gaps,
/// packed counts less one), then the rest as above. A gap is the distance to the document before, less one.
///
/// Positions lie in a stream of their own: for each block of documents the width in bits and the positions packed, each
/// document's first as it is, the others as distances. So the positions of one document are read without the rest.
package final class PostingsWriter {
    package let postings = ByteSink(capacity: 1 << 14)
    package let positions: ByteSink?
    private let blocks = ByteSink()
    private let table = ByteSink()
    private let docs = UnsafeMutablePointer<UInt32>.allocate(capacity: BitPacking.blockLength)
    private let counts = UnsafeMutablePointer<UInt32>.allocate(capacity: BitPacking.blockLength)
    private let norms = UnsafeMutablePointer<UInt8>.allocate(capacity: BitPacking.blockLength)
    private let packed = UnsafeMutablePointer<UInt32>.allocate(capacity: BitPacking.blockLength)
    private var blockPositions: [UInt32] = []
    private var impacts = ImpactCollector()
    private var (filled, documents, last) = (0, 0, Int64(-1))
    private var (postingsStart, positionsStart) = (0, 0)

    package init(hasPositions: Bool) { positions = hasPositions ? ByteSink(capacity: 1 << 14) : nil }

    deinit {
        docs.deallocate()
        counts.deallocate()
        norms.deallocate()
        packed.deallocate()
    }

    package func begin() {
        (filled, documents, last) = (0, 0, -1)
        (postingsStart, positionsStart) = (postings.count, positions?.count ?? 0)
        blocks.removeAll()
        table.removeAll()
    }

    /// Documents come in ascending order; `add(position:)` follows `count` times where positions are kept.
    @inline(__always)
    package func add(document: UInt32, count: UInt32, norm: UInt8) {
        if filled == BitPacking.blockLength { flushBlock() }
        docs[filled] = document
        counts[filled] = count
        norms[filled] = norm
        filled += 1
        documents += 1
    }

    /// The first position of a document as it is, then distances.
    @inline(__always)
    package func add(position: UInt32) { blockPositions.append(position) }

    /// What the dictionary keeps of the term; nothing is written of a term without documents.
    package func finish() -> (documents: Int, postingsLength: Int, positionsLength: Int) {
        if documents == 0 { return (0, 0, 0) }
        if documents >= BitPacking.blockLength {
            if filled == BitPacking.blockLength { flushBlock() }
            let tableLength = table.count + (filled > 0 ? PostingBlock.size : 0)
            if filled > 0 {
                appendEntry(lastDocument: docs[filled - 1])
                writeRest(into: blocks)
            }
            // Offsets of blocks count from the start of the term's bytes, table included.
            postings.append(table)
            let start = UnsafeMutableRawPointer(postings.base + postingsStart)
            for entry in stride(from: 0, to: tableLength, by: PostingBlock.size) {
                let offset = start.loadUnaligned(fromByteOffset: entry + 4, as: UInt32.self).littleEndian
                start.storeBytes(
                    of: (offset + UInt32(tableLength)).littleEndian, toByteOffset: entry + 4, as: UInt32.self)
            }
            postings.append(blocks)
        } else {
            writeRest(into: postings)
        }
        return (documents, postings.count - postingsStart, (positions?.count ?? 0) - positionsStart)
    }

    private func flushBlock() {
        appendEntry(lastDocument: docs[filled - 1])
        var before = last
        for place in 0..<filled {
            packed[place] = UInt32(Int64(docs[place]) - before - 1)
            before = Int64(docs[place])
        }
        last = before
        let gapBits = BitPacking.bitsNeeded(packed)
        blocks.append(UInt8(gapBits))
        for place in 0..<filled { counts[place] -= 1 }
        let countBits = BitPacking.bitsNeeded(counts)
        blocks.append(UInt8(countBits))
        BitPacking.pack(packed, bits: gapBits, into: blocks)
        BitPacking.pack(counts, bits: countBits, into: blocks)
        flushPositions()
        filled = 0
    }

    private func writeRest(into sink: ByteSink) {
        for place in 0..<filled {
            let gap = UInt64(Int64(docs[place]) - last - 1)
            last = Int64(docs[place])
            let count = counts[place]
            sink.append(varint: gap << 1 | (count == 1 ? 1 : 0))
            if count != 1 { sink.append(varint: UInt64(count)) }
        }
        flushPositions()
        filled = 0
    }

    private func appendEntry(lastDocument: UInt32) {
        for place in 0..<filled { impacts.add(count: counts[place], norm: norms[place]) }
        table.append(lastDocument)
        table.append(UInt32(blocks.count))
        table.append(UInt32((positions?.count ?? 0) - positionsStart))
        impacts.write(into: table)
    }

    private func flushPositions() {
        guard let positions else { return }
        var all: UInt32 = 0
        for position in blockPositions { all |= position }
        let bits = 32 - all.leadingZeroBitCount
        positions.append(UInt8(bits))
        if bits > 0 {
            var (pending, width): (UInt64, Int) = (0, 0)
            for position in blockPositions {
                pending |= UInt64(position) << UInt64(width)
                width += bits
                while width >= 8 {
                    positions.append(UInt8(truncatingIfNeeded: pending))
                    pending >>= 8
                    width -= 8
                }
            }
            if width > 0 { positions.append(UInt8(truncatingIfNeeded: pending)) }
        }
        blockPositions.removeAll(keepingCapacity: true)
    }
}

/// The pairs of count and norm of a block that no other pair of it beats: what bounds the score of its documents.
///
/// Source: "competitive impacts" of Lucene 8 (LUCENE-4198). Four pairs are kept; where there are more, the last stands for
/// the rest and is no less than any of them.
private struct ImpactCollector {
    private var counts = [UInt8](repeating: 0, count: 256)

    mutating func add(count: UInt32, norm: UInt8) {
        let count = UInt8(min(count, 255))
        if counts[Int(norm)] < count { counts[Int(norm)] = count }
    }

    mutating func write(into table: ByteSink) {
        var (pairs, most): ([(count: UInt8, norm: UInt8)], UInt8) = ([], 0)
        for norm in 0..<256 where counts[norm] > 0 {
            if counts[norm] > most {
                most = counts[norm]
                if pairs.count < 4 { pairs.append((most, UInt8(norm))) } else { pairs[3].count = most }
            }
            counts[norm] = 0
        }
        for pair in 0..<4 {
            table.append(pair < pairs.count ? pairs[pair].count : 0)
            table.append(pair < pairs.count ? pairs[pair].norm : 0)
        }
    }
}
