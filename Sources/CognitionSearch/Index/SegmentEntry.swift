/// A segment's place in an index: the segment, which of its documents are there, and what of it is in files.
struct SegmentEntry: Sendable {
    let segment: Segment
    var alive: AliveBits
    /// Number of its file; `nil` in memory.
    let file: UInt64?
    /// Number of its file of deletions; 0 for none.
    var deletions: UInt64 = 0
    /// How many documents are there as the files say it.
    var aliveCountOnDisk: Int
    var isSynced = false

    init(_ segment: Segment, file: UInt64? = nil) {
        self.segment = segment
        self.file = file
        alive = AliveBits(documentCount: segment.documentCount)
        aliveCountOnDisk = segment.documentCount
    }

    var size: MergePolicy.Size {
        MergePolicy.Size(documents: segment.documentCount, alive: alive.aliveCount, bytes: segment.byteCount)
    }

    var record: CommitRecord.Entry? {
        file.map {
            CommitRecord.Entry(
                file: $0, byteCount: UInt64(segment.byteCount), deletions: deletions,
                aliveCount: UInt64(aliveCountOnDisk))
        }
    }
}

extension SearchIndex.Contents {
    /// - Throws: `search.index_damaged` where a file was cut short.
    func check() throws(SearchError) { for entry in entries { try entry.segment.memory.check() } }

    var memoryBytes: Int { entries.reduce(0) { $0 + ($1.file == nil ? $1.segment.byteCount : 0) } }
    var memoryDocuments: Int { entries.reduce(0) { $0 + ($1.file == nil ? $1.segment.documentCount : 0) } }

    /// Marks the document of an id as deleted, where there is one.
    mutating func remove(id: String) throws(SearchError) {
        for place in entries.indices.reversed() {
            guard let document = try entries[place].segment.document(id: id), entries[place].alive[document] else {
                continue
            }
            entries[place].alive.remove(document)
            return
        }
    }
}
