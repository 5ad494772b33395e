/// How a segment lies in memory or in a file.
///
/// A head of 16 bytes (magic, version), the parts, each at a multiple of 8, a table of the parts, a tail of 32 bytes. The
/// tail says where the table is; the table says of each part what it is, where it is, and its CRC-32. All numbers are little
/// endian. A part is followed by 8 readable bytes at least, as the table and the tail come after it.
enum SegmentFormat {
    static let magic: UInt64 = 0x4853_4553_474F_4331
    static let version: UInt32 = 1
    static let headLength = 16
    static let entryLength = 32
    static let tailLength = 32

    enum Part: UInt16 {
        /// Count of documents.
        case summary = 1
        /// The change that put each document.
        case sequences = 2
        case fingerprints = 3
        /// Bits of the documents' boosts, where one is not 1.
        case boosts = 4
        case terms = 10
        case termTable = 11
        case postings = 12
        case positions = 13
        case norms = 14
        /// Occurrences of terms in the field, documents that have some.
        case lengths = 15
        case column = 20
        /// Kept for vectors of documents; not written yet.
        case vectors = 30
    }

    /// Fields that every segment has, beside those of the settings, which are numbered in their order.
    static let idField: UInt16 = 0xFFFF
    static let rolesField: UInt16 = 0xFFFE
    /// In the field of roles: whoever may search the index. Roles themselves have an `r` before their name.
    static let everyone = "*"
}

/// The parts of a segment on their way into memory or a file.
final class SegmentImage {
    private(set) var parts: [(part: SegmentFormat.Part, field: UInt16, sink: ByteSink)] = []

    func add(_ part: SegmentFormat.Part, field: UInt16 = 0, _ sink: ByteSink) {
        // A part that cannot be addressed with 32 bits is kept from coming about by the bounds of merges.
        precondition(sink.count <= UInt32.max, "A part of a segment is larger than 4 GiB.")
        parts.append((part, field, sink))
    }

    var byteCount: Int {
        SegmentFormat.headLength + SegmentFormat.tailLength
            + parts.reduce(0) { $0 + ($1.sink.count + 7) / 8 * 8 + SegmentFormat.entryLength }
    }

    /// Gives the bytes of the segment in order, a piece at a time.
    func write(_ emit: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        let scratch = ByteSink()
        scratch.append(SegmentFormat.magic)
        scratch.append(UInt64(SegmentFormat.version))
        try scratch.withBytes(emit)
        let table = ByteSink()
        var offset = SegmentFormat.headLength
        for (part, field, sink) in parts {
            table.append(part.rawValue)
            table.append(field)
            table.append(sink.checksum)
            table.append(UInt64(offset))
            table.append(UInt64(sink.count))
            table.append(UInt64(0))
            sink.pad(to: 8)
            try sink.withBytes(emit)
            offset += sink.count
        }
        let checksum = table.checksum
        let length = offset + table.count + SegmentFormat.tailLength
        table.append(UInt64(offset))
        table.append(UInt32(parts.count))
        table.append(checksum)
        table.append(UInt64(length))
        table.append(SegmentFormat.magic)
        try table.withBytes(emit)
    }
}
