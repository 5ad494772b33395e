import CognitionCore
import CognitionSearch
import Testing

@Suite struct DecoderTests {
    @Test("Lengths keep their order in a byte, and are exact while they are short")
    func norms() {
        var before: UInt8 = 0
        for length in [Array(0..<2_000), [10_000, 100_000, 1_000_000, Int(Int32.max), Int.max]].joined() {
            let byte = Norm.byte(length: length)
            #expect(byte >= before)
            before = byte
            #expect(Norm.length(byte) <= length)
            if length < 40 { #expect(Norm.length(byte) == length) }
            #expect(Double(Norm.length(byte)) >= Double(min(length, Int(Int32.max))) * 0.88)
        }
    }

    @Test("Numbers that are written are read again", arguments: 1...40)
    func packedNumbers(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let width = UInt64.random(in: 0...64, using: &random)
        let numbers = (0..<Int.random(in: 0...300, using: &random)).map { _ in
            width == 0 ? 7 : Int64(truncatingIfNeeded: random.next() >> (64 - width)) &- Int64(seed)
        }
        let sink = ByteSink()
        PackedNumbers.write(numbers, into: sink)
        sink.append(UInt64(0))
        sink.withBytes { bytes in
            var source = ByteSource(bytes)
            let read = PackedNumbers(&source, count: numbers.count)
            #expect(read.map { read in numbers.indices.map { read[$0] } } == numbers, "seed \(seed)")
            // One number more than there are bytes for is refused, unless numbers take no bits.
            var short = ByteSource(bytes)
            if let more = PackedNumbers(&short, count: numbers.count + 1_000) {
                #expect(more[0] == more[numbers.count])
            }
        }
    }

    @Test("Documents, counts and positions of terms are read again, from any place on", arguments: 1...60)
    func postings(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let (list, written) = Self.postings(&random)
        written.withBytes { bytes, postings, positions in
            _ = bytes
            var cursor = PostingCursor(
                postings: postings, positions: positions, documentCount: list.count,
                documentLimit: Int(list[list.count - 1].document) + 1)
            defer { cursor.free() }
            for item in list {
                cursor.advance()
                cursor.needCounts()
                #expect(cursor.document == item.document && cursor.counts[cursor.place] == UInt32(item.positions.count))
                if random.next() % 2 == 0 {
                    #expect(cursor.positionsHere() == item.positions, "seed \(seed)")
                }
            }
            cursor.advance()
            #expect(cursor.document == PostingCursor.end && !cursor.isDamaged)
            // Sought in leaps.
            var seeker = PostingCursor(
                postings: postings, positions: positions, documentCount: list.count,
                documentLimit: Int(list[list.count - 1].document) + 1)
            defer { seeker.free() }
            var target: UInt32 = 0
            while target <= list[list.count - 1].document {
                seeker.seek(target)
                let expected = list.first { $0.document >= target }
                #expect(seeker.document == expected?.document, "seed \(seed), target \(target)")
                if let expected {
                    #expect(seeker.positionsHere() == expected.positions, "seed \(seed)")
                }
                target += UInt32.random(in: 1...(random.next() % 4 == 0 ? 20_000 : 300), using: &random)
            }
            #expect(!seeker.isDamaged)
        }
    }

    @Test(
        "Bytes of chance in place of a term's documents end in damage or in documents within bounds", arguments: 1...400
    )
    func damagedPostings(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let (list, written) = Self.postings(&random)
        let limit = Int(list[list.count - 1].document) + 1
        var (bytes, others) = (written.postings, written.positions)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            others[Int.random(in: 0..<others.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        let lengths = (
            Int.random(in: 0...bytes.count, using: &random), Int.random(in: 0...others.count, using: &random)
        )
        for (postings, positions) in [(bytes.count, others.count), lengths] {
            // Eight bytes follow any part of a segment.
            (bytes + [UInt8](repeating: 255, count: 8)).withUnsafeBytes { first in
                (others + [UInt8](repeating: 255, count: 8)).withUnsafeBytes { second in
                    var cursor = PostingCursor(
                        postings: UnsafeRawBufferPointer(rebasing: first[..<postings]),
                        positions: UnsafeRawBufferPointer(rebasing: second[..<positions]),
                        documentCount: list.count, documentLimit: limit)
                    defer { cursor.free() }
                    var (last, steps): (Int64, Int) = (-1, 0)
                    while true {
                        if random.next() % 3 == 0 {
                            cursor.seek(UInt32(max(0, last)) + UInt32.random(in: 0...500, using: &random))
                        } else {
                            cursor.advance()
                        }
                        guard cursor.document != PostingCursor.end else { break }
                        #expect(Int64(cursor.document) >= last && Int(cursor.document) < limit, "seed \(seed)")
                        last = Int64(cursor.document)
                        if random.next() % 4 == 0 { _ = cursor.positionsHere() }
                        steps += 1
                        // Damage within a document's gaps may leave as many as there are, and no more.
                        guard steps <= 3 * list.count + 10 else {
                            Issue.record("It does not end, seed \(seed).")
                            return
                        }
                    }
                }
            }
        }
    }

    private struct Written {
        var postings: [UInt8]
        var positions: [UInt8]

        func withBytes(_ body: (Int, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
            let margin = [UInt8](repeating: 0, count: 8)
            (postings + margin).withUnsafeBytes { first in
                (positions + margin).withUnsafeBytes { second in
                    body(
                        0, UnsafeRawBufferPointer(rebasing: first[..<postings.count]),
                        UnsafeRawBufferPointer(rebasing: second[..<positions.count]))
                }
            }
        }
    }

    private static func postings(
        _ random: inout SplitMix64
    ) -> (list: [(document: UInt32, positions: [UInt32])], written: Written) {
        let writer = PostingsWriter(hasPositions: true)
        // A term before it, so that offsets are not zero.
        writer.begin()
        writer.add(document: 3, count: 1, norm: 4)
        writer.add(position: 9)
        let before = writer.finish()
        writer.begin()
        var (document, list) = (-1, [(document: UInt32, positions: [UInt32])]())
        let counts = [1, 2, 5, 127, 128, 129, 256, 300, 700]
        for _ in 0..<counts[Int.random(in: counts.indices, using: &random)] {
            document += Int.random(in: 1...(random.next() % 50 == 0 ? 5_000 : 40), using: &random)
            var (position, positions): (UInt32, [UInt32]) = (0, [])
            for _ in 0..<Int.random(in: 1...(random.next() % 9 == 0 ? 12 : 2), using: &random) {
                position += UInt32.random(in: 0...60, using: &random)
                positions.append(position)
            }
            writer.add(document: UInt32(document), count: UInt32(positions.count), norm: UInt8(positions.count * 3))
            for (place, position) in positions.enumerated() {
                writer.add(position: place == 0 ? position : position - positions[place - 1])
            }
            list.append((UInt32(document), positions))
        }
        let lengths = writer.finish()
        let bytes = writer.postings.withBytes { Array($0[before.postingsLength...]) }
        let positions = writer.positions?.withBytes { Array($0[before.positionsLength...]) } ?? []
        #expect(bytes.count == lengths.postingsLength && positions.count == lengths.positionsLength)
        return (list, Written(postings: bytes, positions: positions))
    }
}
