/// Finds out what is in the folder of an index, and removes what does not belong to it.
struct IndexOpening {
    let folder: String
    let schema: IndexSchema
    let files: any IndexFiles

    struct Opened {
        var beginning: SearchIndex.Beginning
        var contents: SearchIndex.Contents
        var writer: SearchIndex.Writer
    }

    func open() throws -> Opened {
        try files.makeFolder(folder)
        let names = try files.names(in: folder)
        guard let commit = names.compactMap(IndexFileName.commitNumber).max() else {
            // A crash before the first commit leaves files, and nothing that was promised.
            try remove(names.filter(IndexFileName.isOurs))
            return anew(.empty)
        }
        do {
            let opened = try load(commit: commit)
            try removeFiles(otherThan: opened.record, commit: commit)
            return Opened(
                beginning: .found,
                contents: SearchIndex.Contents(entries: opened.entries, sequence: opened.record.sequence),
                writer: SearchIndex.Writer(nextFile: opened.record.nextFile, commitNumber: commit))
        } catch let error as SearchError where error.code == .searchIndexDamaged {
            try remove(names.filter(IndexFileName.isOurs))
            return anew(.anew(reason: error.message))
        }
    }

    /// Looks whether it could be opened, and changes nothing.
    /// - Returns: Up to which change it knows documents.
    /// - Throws: `search.index_damaged`, `search.storage_failed`.
    func examine() throws -> Int64 {
        guard let commit = try files.names(in: folder).compactMap(IndexFileName.commitNumber).max() else {
            throw SearchError.damaged("its commit is lost")
        }
        return try load(commit: commit).record.sequence
    }

    private func anew(_ beginning: SearchIndex.Beginning) -> Opened {
        Opened(
            beginning: beginning, contents: SearchIndex.Contents(entries: [], sequence: 0),
            writer: SearchIndex.Writer(nextFile: 1, commitNumber: 0))
    }

    private func load(commit: UInt64) throws -> (record: CommitRecord, entries: [SegmentEntry]) {
        let bytes = try files.read(folder + "/" + IndexFileName.commit(commit))
        let record = try bytes.withUnsafeBytes { bytes throws(SearchError) in try CommitRecord(bytes) }
        guard record.schema == schema.fingerprint else { throw SearchError.damaged("it was made with other settings") }
        var entries: [SegmentEntry] = []
        for item in record.segments {
            let path = folder + "/" + IndexFileName.segment(item.file)
            let memory: SegmentMemory
            do {
                memory = try SegmentMemory(mapping: path)
            } catch let error as SearchError {
                throw SearchError(
                    .searchIndexDamaged, "A file of the search index is lost. It is made anew.", cause: error)
            }
            guard memory.bytes.count == Int(clamping: item.byteCount) else {
                throw SearchError.damaged("it has another length")
            }
            var entry = SegmentEntry(try Segment(memory, file: path, schema: schema), file: item.file)
            entry.isSynced = true
            if item.deletions > 0 {
                let path = folder + "/" + IndexFileName.deletions(item.deletions)
                guard let bytes = try? files.read(path) else {
                    throw SearchError.damaged("its list of deletions is lost")
                }
                let count = entry.segment.documentCount
                entry.alive = try bytes.withUnsafeBytes { bytes throws(SearchError) in
                    try AliveBits(bytes, documentCount: count)
                }
                entry.deletions = item.deletions
                entry.aliveCountOnDisk = entry.alive.aliveCount
            }
            guard entry.alive.aliveCount == Int(clamping: item.aliveCount) else {
                throw SearchError.damaged("its list of deletions is not that of its commit")
            }
            if let before = entries.last?.segment,
                before.sequences[before.documentCount - 1] >= entry.segment.sequences[0]
            {
                throw SearchError.damaged("its segments are not in order")
            }
            entries.append(entry)
        }
        return (record, entries)
    }

    /// Removes files of ours that a commit does not name.
    func removeFiles(otherThan record: CommitRecord, commit: UInt64, merging: UInt64? = nil) throws {
        var kept: Set<String> = [IndexFileName.commit(commit)]
        if let merging { kept.insert(IndexFileName.segment(merging)) }
        for segment in record.segments {
            kept.insert(IndexFileName.segment(segment.file))
            if segment.deletions > 0 { kept.insert(IndexFileName.deletions(segment.deletions)) }
        }
        try remove(files.names(in: folder).filter { IndexFileName.isOurs($0) && !kept.contains($0) })
    }

    private func remove(_ names: [String]) throws {
        // Commits first: none is to be there without what it names.
        for name in names.sorted(by: { IndexFileName.commitNumber($0) != nil && IndexFileName.commitNumber($1) == nil })
        {
            try files.remove(folder + "/" + name)
        }
    }
}
