import CognitionCore
import CognitionSearch
import Foundation
import Testing

@Suite struct ForgedSegmentTests {
    @Test(
        "A segment of wrong bytes under right checksums is refused or answered, and never read beyond",
        arguments: 1...12)
    func forged(seed: UInt64) throws {
        try withFolder { folder in
            var random = RandomDocuments(seed: seed)
            func open() throws -> SearchIndex {
                try SearchIndex(folder: folder, settings: RandomDocuments.settings) { _ in PlainAnalyzer() }
            }
            let first = try open()
            try first.apply(
                (0..<200).map { DocumentChange(sequence: Int64($0 + 1), content: .put(random.document(id: "d\($0)"))) })
            try first.commit()
            let name =
                try FileManager.default.contentsOfDirectory(atPath: folder).first { $0.hasSuffix(".segment") } ?? ""
            let path = folder + "/" + name
            let whole = [UInt8](FileManager.default.contents(atPath: path) ?? Data())
            var found = 0
            for _ in 0..<12 {
                let forged = Self.forged(whole, &random.random)
                try Data(forged).write(to: URL(fileURLWithPath: path))
                let index = try open()
                if index.beginning == .found {
                    found += 1
                    for _ in 0..<12 {
                        var request = SearchRequest(random.query())
                        (request.limit, request.namesTerms, request.explains) = (20, true, true)
                        request.facets = [FacetRequest(field: "tag", kind: .values(limit: 5))]
                        request.roles = random.chance(0.5) ? ["user"] : nil
                        if random.chance(0.5) { request.sort = [SortKey(.field("size"), isDescending: true)] }
                        do {
                            let answer = try index.snapshot().search(request)
                            #expect(answer.total.value <= 200, "seed \(seed)")
                        } catch let error as SearchError {
                            #expect(error.code == .searchIndexDamaged, "seed \(seed)")
                        }
                    }
                    do {
                        try index.apply([DocumentChange(sequence: 1_000, content: .removed(id: "d7"))])
                        try index.maintain(everything: true)
                    } catch let error as SearchError {
                        #expect(error.code == .searchIndexDamaged, "seed \(seed)")
                    }
                }
                // What was begun anew has no files; the next round needs the old ones.
                for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                    try FileManager.default.removeItem(atPath: folder + "/" + name)
                }
                let again = try open()
                try again.apply([DocumentChange(sequence: 1, content: .put(random.document(id: "x")))])
                try again.commit()
                try Self.adopt(whole, folder: folder)
            }
            #expect(found > 2, "seed \(seed)")
        }
    }

    /// Makes the folder's commit name the segment as it was.
    private static func adopt(_ segment: [UInt8], folder: String) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        let (name, commit) = (
            names.first { $0.hasSuffix(".segment") } ?? "", names.first { $0.hasPrefix("commit.") } ?? ""
        )
        try Data(segment).write(to: URL(fileURLWithPath: folder + "/" + name))
        var bytes = [UInt8](FileManager.default.contents(atPath: folder + "/" + commit) ?? Data())
        // Length and documents of the only segment, then the checksum.
        Self.store(UInt64(segment.count), at: 56, in: &bytes)
        Self.store(200, at: 72, in: &bytes)
        let checksum = bytes[..<(bytes.count - 8)].withUnsafeBytes(CRC32.checksum)
        Self.store(UInt64(checksum), at: bytes.count - 8, in: &bytes)
        try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + commit))
    }

    private static func store(_ number: UInt64, at place: Int, in bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { bytes.replaceSubrange(place..<place + 8, with: $0) }
    }

    private static func number(_ bytes: [UInt8], _ place: Int, _ length: Int) -> Int {
        bytes[place..<place + length].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// The segment with some bytes of its parts changed, and the checksums of what is there now.
    private static func forged(_ whole: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var bytes = whole
        let tail = bytes.count - 32
        let (table, count) = (number(bytes, tail, 8), number(bytes, tail + 8, 4))
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let entry = table + 32 * Int.random(in: 0..<count, using: &random)
            let (start, length) = (number(bytes, entry + 8, 8), number(bytes, entry + 16, 8))
            guard length > 0 else { continue }
            let place = start + Int.random(in: 0..<min(length, random.next() % 2 == 0 ? 24 : length), using: &random)
            bytes[place] = UInt8.random(in: 0...255, using: &random)
        }
        for entry in stride(from: table, to: table + 32 * count, by: 32) {
            let (start, length) = (number(bytes, entry + 8, 8), number(bytes, entry + 16, 8))
            let checksum = bytes[start..<start + length].withUnsafeBytes(CRC32.checksum)
            withUnsafeBytes(of: checksum.littleEndian) { bytes.replaceSubrange(entry + 4..<entry + 8, with: $0) }
        }
        let checksum = bytes[table..<tail].withUnsafeBytes(CRC32.checksum)
        withUnsafeBytes(of: checksum.littleEndian) { bytes.replaceSubrange(tail + 12..<tail + 16, with: $0) }
        return bytes
    }
}
