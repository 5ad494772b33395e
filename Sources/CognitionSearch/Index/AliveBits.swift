import CognitionCore

/// Which documents of a segment have not been deleted since. A value: a snapshot keeps its own.
struct AliveBits: Sendable, Equatable {
    private(set) var words: [UInt64]
    let documentCount: Int
    private(set) var aliveCount: Int

    /// All are there.
    init(documentCount: Int) {
        self.documentCount = documentCount
        aliveCount = documentCount
        words = [UInt64](repeating: .max, count: (documentCount + 63) / 64)
        if documentCount % 64 != 0 { words[words.count - 1] = (1 << UInt64(documentCount % 64)) - 1 }
    }

    subscript(document: Int) -> Bool { words[document >> 6] >> UInt64(document & 63) & 1 == 1 }

    var hasDeletions: Bool { aliveCount < documentCount }

    /// Whether the document was there.
    @discardableResult
    mutating func remove(_ document: Int) -> Bool {
        guard self[document] else { return false }
        words[document >> 6] &= ~(1 << UInt64(document & 63))
        aliveCount -= 1
        return true
    }

    // MARK: - As a file

    private static let magic: UInt64 = 0x4556_494C_414F_4331

    var bytes: ByteSink {
        let sink = ByteSink(capacity: words.count * 8 + 32)
        sink.append(Self.magic)
        sink.append(UInt64(documentCount))
        for word in words { sink.append(word) }
        sink.append(UInt64(sink.checksum))
        return sink
    }

    init(_ bytes: UnsafeRawBufferPointer, documentCount: Int) throws(SearchError) {
        let wordCount = (documentCount + 63) / 64
        guard bytes.count == wordCount * 8 + 24 else { throw .damaged("its list of deletions has another length") }
        let body = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 8)])
        var source = ByteSource(bytes)
        guard source.number(UInt64.self) == Self.magic, source.number(UInt64.self) == UInt64(documentCount) else {
            throw .damaged("its list of deletions is none")
        }
        words = (0..<wordCount).map { _ in source.number(UInt64.self) }
        guard source.number(UInt64.self) == UInt64(CRC32.checksum(body)) else {
            throw .damaged("the checksum of its list of deletions is wrong")
        }
        if documentCount % 64 != 0, let last = words.last, last >> UInt64(documentCount % 64) != 0 {
            throw .damaged("its list of deletions is none")
        }
        self.documentCount = documentCount
        aliveCount = words.reduce(0) { $0 + $1.nonzeroBitCount }
    }
}
