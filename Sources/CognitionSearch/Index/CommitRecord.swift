import CognitionCore

/// What makes files an index: which segments there are, in their order, and up to which change they know documents.
///
/// It is written beside the one before and renamed; the name's number tells which is the newest. A commit that is not read
/// back byte by byte as it was written is damaged.
struct CommitRecord: Equatable {
    struct Entry: Equatable {
        /// Number in the name of the segment's file.
        var file: UInt64
        var byteCount: UInt64
        /// Number in the name of the file of deletions; 0 where nothing was deleted.
        var deletions: UInt64
        var aliveCount: UInt64
    }

    static let magic: UInt64 = 0x494D_4D4F_434F_4331

    var schema: UInt64
    var sequence: Int64
    /// Above all numbers that files had.
    var nextFile: UInt64
    var segments: [Entry]

    init(schema: UInt64, sequence: Int64, nextFile: UInt64, segments: [Entry]) {
        (self.schema, self.sequence, self.nextFile, self.segments) = (schema, sequence, nextFile, segments)
    }

    var bytes: ByteSink {
        let sink = ByteSink()
        sink.append(Self.magic)
        sink.append(UInt64(SegmentFormat.version))
        sink.append(schema)
        sink.append(sequence)
        sink.append(nextFile)
        sink.append(UInt64(segments.count))
        for segment in segments {
            sink.append(segment.file)
            sink.append(segment.byteCount)
            sink.append(segment.deletions)
            sink.append(segment.aliveCount)
        }
        sink.append(UInt64(sink.checksum))
        return sink
    }

    init(_ bytes: UnsafeRawBufferPointer) throws(SearchError) {
        var source = ByteSource(bytes)
        guard source.number(UInt64.self) == Self.magic, source.number(UInt64.self) == UInt64(SegmentFormat.version)
        else { throw .damaged("its commit is of another format") }
        schema = source.number()
        sequence = source.number()
        nextFile = source.number()
        let count = source.number(UInt64.self)
        guard !source.failed, source.left >= 8, count == UInt64((source.left - 8) / 32), (source.left - 8) % 32 == 0
        else { throw .damaged("its commit has another length") }
        segments = (0..<Int(count)).map { _ in
            Entry(
                file: source.number(), byteCount: source.number(), deletions: source.number(),
                aliveCount: source.number())
        }
        let body = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 8)])
        guard source.number(UInt64.self) == UInt64(CRC32.checksum(body)) else {
            throw .damaged("the checksum of its commit is wrong")
        }
    }
}

/// Names of the files in an index's folder.
enum IndexFileName {
    static func segment(_ number: UInt64) -> String { "\(number).segment" }
    static func deletions(_ number: UInt64) -> String { "\(number).deletions" }
    static func commit(_ number: UInt64) -> String { "commit.\(number)" }
    static let newCommit = "commit.new"

    /// The number of a commit's name.
    static func commitNumber(_ name: String) -> UInt64? {
        name.hasPrefix("commit.") ? UInt64(name.dropFirst("commit.".count)) : nil
    }

    /// Whether a name is one that an index gives: others in its folder are left alone.
    static func isOurs(_ name: String) -> Bool {
        if name == newCommit || commitNumber(name) != nil { return true }
        guard let dot = name.lastIndex(of: "."), UInt64(name[..<dot]) != nil else { return false }
        return name[dot...] == ".segment" || name[dot...] == ".deletions"
    }
}
