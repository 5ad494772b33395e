/// Gathers the terms of documents in memory: a table of distinct terms, and a list of their occurrences in order.
final class TermCollector {
    private var slots: UnsafeMutablePointer<UInt32>
    private var slotCount = 1 << 10
    private let arena = ByteSink(capacity: 1 << 14)
    private var starts: [UInt32] = [0]
    private var hashes: [UInt32] = []
    /// For each occurrence its term and its position.
    private var occurrences: [UInt64] = []
    /// For each document where its occurrences begin.
    private var documentStarts: [Int] = []

    init() {
        slots = .allocate(capacity: slotCount)
        slots.initialize(repeating: .max, count: slotCount)
    }

    deinit { slots.deallocate() }

    var termCount: Int { hashes.count }
    var occurrenceCount: Int { occurrences.count }
    var byteCount: Int { arena.count + occurrences.count * 8 }

    func beginDocument() { documentStarts.append(occurrences.count) }

    /// Occurrences of the document begun last.
    var lengthOfDocument: Int { occurrences.count - (documentStarts.last ?? 0) }

    func add(_ term: UnsafeRawBufferPointer, position: UInt32) {
        occurrences.append(UInt64(number(of: term)) << 32 | UInt64(position))
    }

    private func number(of term: UnsafeRawBufferPointer) -> UInt32 {
        let hash = Self.hash(term)
        var slot = Int(hash) & (slotCount - 1)
        while slots[slot] != .max {
            let known = Int(slots[slot])
            if hashes[known] == hash, isSame(known, term) { return UInt32(known) }
            slot = (slot + 1) & (slotCount - 1)
        }
        let number = UInt32(hashes.count)
        slots[slot] = number
        hashes.append(hash)
        arena.append(term)
        starts.append(UInt32(arena.count))
        if hashes.count * 2 > slotCount { growSlots() }
        return number
    }

    @inline(__always)
    private func isSame(_ number: Int, _ term: UnsafeRawBufferPointer) -> Bool {
        let start = Int(starts[number])
        guard Int(starts[number + 1]) - start == term.count else { return false }
        for place in 0..<term.count where arena[start + place] != term[place] { return false }
        return true
    }

    private func growSlots() {
        slots.deallocate()
        slotCount *= 4
        slots = .allocate(capacity: slotCount)
        slots.initialize(repeating: .max, count: slotCount)
        for (number, hash) in hashes.enumerated() {
            var slot = Int(hash) & (slotCount - 1)
            while slots[slot] != .max { slot = (slot + 1) & (slotCount - 1) }
            slots[slot] = UInt32(number)
        }
    }

    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var (hash, place) = (UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15, 0)
        while place &+ 8 <= bytes.count {
            hash = mix(hash ^ bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
            place &+= 8
        }
        var rest: UInt64 = 0
        while place < bytes.count {
            rest = rest &<< 8 | UInt64(bytes[place])
            place &+= 1
        }
        return UInt32(truncatingIfNeeded: mix(hash ^ rest) &>> 16)
    }

    @inline(__always)
    private static func mix(_ word: UInt64) -> UInt64 {
        let (high, low) = word.multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
        return (high ^ low) &+ 0x9E37_79B9_7F4A_7C15
    }

    func bytes(of number: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: arena.base + Int(starts[number]), count: Int(starts[number + 1] - starts[number]))
    }

    /// Numbers of the terms in the order of their bytes.
    func sortedTerms() -> [UInt32] {
        // The first eight bytes decide mostly; they are compared as one number.
        var keys: [(key: UInt64, number: UInt32)] = []
        keys.reserveCapacity(termCount)
        for number in 0..<termCount {
            let bytes = bytes(of: number)
            var key: UInt64 = 0
            for place in 0..<8 { key = key << 8 | (place < bytes.count ? UInt64(bytes[place]) : 0) }
            keys.append((key, UInt32(number)))
        }
        keys.sort { left, right in
            left.key != right.key
                ? left.key < right.key : compare(bytes(of: Int(left.number)), bytes(of: Int(right.number))) < 0
        }
        return keys.map(\.number)
    }

    /// Occurrences of each term, in the order of `terms`: document and position, ascending.
    func forEachTerm(
        in terms: [UInt32], _ body: (_ rank: Int, _ number: Int, UnsafeBufferPointer<UInt64>) -> Void
    ) {
        var ends = [Int](repeating: 0, count: termCount)
        for occurrence in occurrences { ends[Int(occurrence >> 32)] += 1 }
        var sum = 0
        for number in terms {
            let amount = ends[Int(number)]
            ends[Int(number)] = sum
            sum += amount
        }
        let sorted = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: occurrences.count)
        defer { sorted.deallocate() }
        for document in documentStarts.indices {
            let end = document + 1 < documentStarts.count ? documentStarts[document + 1] : occurrences.count
            for place in documentStarts[document]..<end {
                let occurrence = occurrences[place]
                let number = Int(occurrence >> 32)
                sorted[ends[number]] = UInt64(document) << 32 | (occurrence & 0xFFFF_FFFF)
                ends[number] += 1
            }
        }
        var start = 0
        for (rank, number) in terms.enumerated() {
            let end = ends[Int(number)]
            body(rank, Int(number), UnsafeBufferPointer(rebasing: sorted[start..<end]))
            start = end
        }
    }

    /// For each document the terms' ranks, each once, ascending.
    func ranks(in terms: [UInt32]) -> ColumnWriter {
        var rankOf = [Int64](repeating: 0, count: termCount)
        for (rank, number) in terms.enumerated() { rankOf[Int(number)] = Int64(rank) }
        var column = ColumnWriter()
        var ranks: [Int64] = []
        for document in documentStarts.indices {
            let end = document + 1 < documentStarts.count ? documentStarts[document + 1] : occurrences.count
            ranks.removeAll(keepingCapacity: true)
            for place in documentStarts[document]..<end { ranks.append(rankOf[Int(occurrences[place] >> 32)]) }
            if ranks.count > 1 {
                ranks.sort()
                var kept = 1
                for place in 1..<ranks.count where ranks[place] != ranks[kept - 1] {
                    ranks[kept] = ranks[place]
                    kept += 1
                }
                ranks.removeLast(ranks.count - kept)
            }
            column.add(ranks)
        }
        return column
    }
}
