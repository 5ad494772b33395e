import Synchronization

/// The files of one index: takes changes of documents, and gives snapshots that are searched.
///
/// A change is searchable as soon as ``apply(_:)`` returns, and durable with the next ``commit()``. After a crash the index
/// is what its last commit made it, and ``sequence`` tells from where changes have to be applied again. Several threads may
/// use it: changes and commits wait for each other, snapshots wait for nobody.
package final class SearchIndex: Sendable {
    /// What was in the folder.
    package enum Beginning: Sendable, Equatable {
        /// Nothing.
        case empty
        /// An index, which goes on.
        case found
        /// Something that is damaged, or was made with other settings or by another release; it was removed.
        case anew(reason: String)
    }

    package struct Options: Sendable {
        /// Documents in memory before they are written to a file.
        package var memoryDocumentsMax = 16_384
        /// Bytes of segments in memory before they are written to a file.
        package var memoryBytesMax = 32 << 20
        /// Documents that become searchable at a time, when many are applied at once.
        package var batchDocumentsMax = 4_096
        /// Segments of about one size before they become one.
        package var mergeFactor = 8
        /// Differs where analyzers of the same names make other terms; the index is then made anew.
        package var analysisVersion = 1
        package var files: any IndexFiles = DiskFiles()

        package init() {}
    }

    package let beginning: Beginning
    package let settings: SearchSettings
    let schema: IndexSchema
    let folder: String?
    let options: Options
    private let published: Mutex<Contents>
    private let writer: Mutex<Writer>
    private let merging = Mutex<Void>(())

    /// What the index is at a moment.
    struct Contents: Sendable {
        var entries: [SegmentEntry]
        var sequence: Int64
    }

    /// What only whoever changes the index looks at.
    struct Writer: Sendable {
        var nextFile: UInt64
        var commitNumber: UInt64
        /// Number of the file that a merge is writing, which no commit knows yet.
        var mergingFile: UInt64?
        /// Whether there is anything that the last commit does not hold.
        var isDirty = false
    }

    /// Opens the index of a folder, or one in memory alone where `folder` is `nil`.
    ///
    /// What is damaged, or made with other settings, is removed, and the index begins empty at sequence 0.
    ///
    /// - Throws: `search.settings_invalid`, `search.storage_failed`.
    package init(
        folder: String?, settings: SearchSettings, options: Options = Options(),
        analyzers: (AnalyzerName) throws -> any Analyzer
    ) throws {
        schema = try IndexSchema(settings, analysisVersion: options.analysisVersion, analyzers: analyzers)
        (self.folder, self.settings, self.options) = (folder, settings, options)
        guard let folder else {
            beginning = .empty
            published = Mutex(Contents(entries: [], sequence: 0))
            writer = Mutex(Writer(nextFile: 1, commitNumber: 0))
            return
        }
        let opened = try IndexOpening(folder: folder, schema: schema, files: options.files).open()
        beginning = opened.beginning
        published = Mutex(opened.contents)
        writer = Mutex(opened.writer)
    }

    /// Looks at an index in a folder that nobody has open, and changes nothing.
    /// - Returns: Up to which change it knows documents.
    /// - Throws: `search.index_damaged`, `search.storage_failed`.
    static func examine(
        _ folder: String, settings: SearchSettings, analyzers: (AnalyzerName) throws -> any Analyzer
    ) throws -> Int64 {
        let options = Options()
        let schema = try IndexSchema(settings, analysisVersion: options.analysisVersion, analyzers: analyzers)
        return try IndexOpening(folder: folder, schema: schema, files: options.files).examine()
    }

    /// The last change that was applied.
    package var sequence: Int64 { published.withLock { $0.sequence } }

    /// What is searchable now. It does not change, and lives as long as it is held.
    package func snapshot() -> IndexSnapshot {
        let contents = published.withLock { $0 }
        return IndexSnapshot(contents: contents, schema: schema)
    }

    /// Bytes of the index's segments, in memory and in files.
    package var byteCount: Int { published.withLock { $0.entries.reduce(0) { $0 + $1.segment.byteCount } } }
}

// MARK: - Changing

extension SearchIndex {
    /// Makes changes searchable. Changes up to ``sequence`` are known and left out, so that it may be repeated.
    ///
    /// - Parameter changes: In ascending order of their sequence.
    /// - Throws: `search.index_damaged`; `search.storage_failed` where memory is full and no file can be written, before
    ///   anything is applied.
    package func apply(_ changes: [DocumentChange]) throws {
        try writer.withLock { writer in
            var contents = published.withLock { $0 }
            try contents.check()
            try makeRoom(&contents, &writer)
            var rest = changes[...].drop { $0.sequence <= contents.sequence }
            // The order of documents is that of changes; a cursor and an opening rely on it.
            precondition(
                zip(rest, rest.dropFirst()).allSatisfy { $0.sequence < $1.sequence },
                "Changes come in ascending order of their sequence.")
            while !rest.isEmpty {
                let batch = rest.prefix(options.batchDocumentsMax)
                rest = rest.dropFirst(batch.count)
                try apply(batch, to: &contents)
                try mergeSmall(&contents)
                writer.isDirty = true
                publish(contents)
                // Changes are applied; that no file could be written is told when memory is full.
                if needsFlush(contents), folder != nil, (try? flush(&contents, &writer)) != nil { publish(contents) }
            }
        }
    }

    /// Moves on where changes up to `sequence` do not concern this index.
    package func advance(to sequence: Int64) {
        writer.withLock { writer in
            published.withLock { contents in
                guard sequence > contents.sequence else { return }
                contents.sequence = sequence
                writer.isDirty = true
            }
        }
    }

    /// What was there before is let go of after the lock: freeing a segment takes its time, and no snapshot waits for it.
    private func publish(_ contents: Contents) {
        let before = published.withLock { published in
            defer { published = contents }
            return published
        }
        withExtendedLifetime(before) {}
    }

    /// Writes what waits in memory when there is far too much of it.
    private func makeRoom(_ contents: inout Contents, _ writer: inout Writer) throws {
        guard folder != nil, contents.memoryBytes > 4 * options.memoryBytesMax else { return }
        try flush(&contents, &writer)
        publish(contents)
    }

    private func needsFlush(_ contents: Contents) -> Bool {
        contents.memoryBytes >= options.memoryBytesMax || contents.memoryDocuments >= options.memoryDocumentsMax
    }

    private func apply(_ changes: ArraySlice<DocumentChange>, to contents: inout Contents) throws {
        // Of several changes of one document the last counts.
        var last: [String: Int] = [:]
        for (place, change) in zip(changes.indices, changes) { last[change.id] = place }
        let builder = SegmentBuilder(schema: schema)
        for (place, change) in zip(changes.indices, changes) where last[change.id] == place {
            try contents.remove(id: change.id)
            if case .put(let document) = change.content { builder.add(document, sequence: change.sequence) }
        }
        contents.sequence = changes.last?.sequence ?? contents.sequence
        guard builder.documentCount > 0 else { return }
        contents.entries.append(SegmentEntry(try Segment(SegmentMemory(builder.finish()), schema: schema)))
    }

    /// Merges small segments in memory, so that many small batches do not make many segments.
    private func mergeSmall(_ contents: inout Contents) throws {
        while true {
            let first = contents.entries.lastIndex { $0.file != nil }.map { $0 + 1 } ?? 0
            let policy = MergePolicy(factor: options.mergeFactor, smallest: 1, byteCountMax: options.memoryBytesMax / 2)
            guard let range = policy.next(contents.entries[first...].map(\.size)) else { return }
            let places = range.lowerBound + first..<range.upperBound + first
            let merger = SegmentMerger(contents.entries[places].map { ($0.segment, $0.alive) }, schema: schema)
            let merged = try merger.merge().map { SegmentEntry(try Segment(SegmentMemory($0), schema: schema)) }
            contents.entries.replaceSubrange(places, with: merged.map { [$0] } ?? [])
        }
    }

    /// Writes the segments in memory as one file.
    private func flush(_ contents: inout Contents, _ writer: inout Writer) throws {
        guard let folder else { return }
        let first = contents.entries.lastIndex { $0.file != nil }.map { $0 + 1 } ?? 0
        let waiting = contents.entries[first...]
        guard let only = waiting.first else { return }
        let number = writer.nextFile
        let path = folder + "/" + IndexFileName.segment(number)
        writer.nextFile += 1
        if waiting.count == 1, !only.alive.hasDeletions {
            try options.files.write(path) { emit in try emit(only.segment.memory.bytes) }
        } else {
            guard let image = try SegmentMerger(waiting.map { ($0.segment, $0.alive) }, schema: schema).merge() else {
                contents.entries.removeSubrange(first...)
                return
            }
            try options.files.write(path) { emit in try image.write(emit) }
        }
        let segment = try Segment(SegmentMemory(mapping: path), file: path, schema: schema)
        contents.entries.replaceSubrange(first..., with: [SegmentEntry(segment, file: number)])
    }
}

// MARK: - Keeping

extension SearchIndex {
    /// Makes everything that was applied durable. Nothing happens where nothing has changed since the last commit.
    ///
    /// Order: files of segments and deletions, each synced; the folder; the new commit, synced, renamed; the folder. A crash
    /// in between leaves the commit before, whose files are removed last.
    ///
    /// - Throws: `search.storage_failed`: the index is as it was, and the next commit tries again.
    package func commit() throws {
        guard let folder else { return }
        try writer.withLock { writer in
            guard writer.isDirty else { return }
            var contents = published.withLock { $0 }
            // Kept even if what follows fails: files that were written need not be written again.
            defer { publish(contents) }
            try flush(&contents, &writer)
            let files = options.files
            for place in contents.entries.indices {
                let entry = contents.entries[place]
                guard let number = entry.file else { continue }
                if !entry.isSynced {
                    try files.sync(file: folder + "/" + IndexFileName.segment(number))
                    contents.entries[place].isSynced = true
                }
                if entry.alive.aliveCount != entry.aliveCountOnDisk {
                    let deletions = writer.nextFile
                    writer.nextFile += 1
                    let path = folder + "/" + IndexFileName.deletions(deletions)
                    try files.write(path) { emit in try entry.alive.bytes.withBytes(emit) }
                    try files.sync(file: path)
                    contents.entries[place].deletions = deletions
                    contents.entries[place].aliveCountOnDisk = entry.alive.aliveCount
                }
            }
            let record = CommitRecord(
                schema: schema.fingerprint, sequence: contents.sequence, nextFile: writer.nextFile,
                segments: contents.entries.compactMap(\.record))
            try files.sync(folder: folder)
            let new = folder + "/" + IndexFileName.newCommit
            try files.write(new) { emit in try record.bytes.withBytes(emit) }
            try files.sync(file: new)
            try files.rename(new, to: folder + "/" + IndexFileName.commit(writer.commitNumber + 1))
            writer.commitNumber += 1
            try files.sync(folder: folder)
            writer.isDirty = false
            // What cannot be removed now is removed when the index is opened next.
            try? IndexOpening(folder: folder, schema: schema, files: files)
                .removeFiles(otherThan: record, commit: writer.commitNumber, merging: writer.mergingFile)
        }
    }

    /// Merges segments once, where some should be. Searches and changes go on meanwhile; space is given back by the next
    /// ``commit()``.
    ///
    /// - Parameter everything: Merges all segments to one, as far as bounds allow.
    /// - Returns: Whether another call has something to do.
    /// - Throws: `search.index_damaged`, `search.storage_failed`: the index is as it was.
    @discardableResult
    package func maintain(everything: Bool = false) throws -> Bool {
        try merging.withLock { _ in
            let before = published.withLock { $0 }
            try before.check()
            guard let places = nextMerge(before, everything) else { return false }
            let sources = Array(before.entries[places])
            let merger = SegmentMerger(sources.map { ($0.segment, $0.alive) }, schema: schema)
            var merged: SegmentEntry?
            if let image = try merger.merge() {
                if let folder {
                    let number = writer.withLock { writer in
                        defer { writer.nextFile += 1 }
                        writer.mergingFile = writer.nextFile
                        return writer.nextFile
                    }
                    let path = folder + "/" + IndexFileName.segment(number)
                    do {
                        try options.files.write(path) { emit in try image.write(emit) }
                        let segment = try Segment(SegmentMemory(mapping: path), file: path, schema: schema)
                        merged = SegmentEntry(segment, file: number)
                    } catch {
                        try? options.files.remove(path)  // half a file helps nobody; opening removes it too
                        writer.withLock { $0.mergingFile = nil }
                        throw error
                    }
                } else {
                    merged = SegmentEntry(try Segment(SegmentMemory(image), schema: schema))
                }
            }
            return writer.withLock { writer in
                writer.mergingFile = nil
                var now = published.withLock { $0 }
                guard let start = now.entries.firstIndex(where: { $0.segment === sources[0].segment }),
                    start + sources.count <= now.entries.count,
                    zip(sources, now.entries[start...]).allSatisfy({ $0.segment === $1.segment })
                else { return true }
                // What was deleted while segments were merged is deleted in the new one.
                for (source, entry) in sources.enumerated() {
                    let current = now.entries[start + source].alive
                    guard current.aliveCount != entry.alive.aliveCount else { continue }
                    for document in 0..<entry.segment.documentCount where entry.alive[document] && !current[document] {
                        if let number = merger.number(of: document, in: source) { merged?.alive.remove(number) }
                    }
                }
                now.entries.replaceSubrange(start..<start + sources.count, with: merged.map { [$0] } ?? [])
                writer.isDirty = true
                publish(now)
                return nextMerge(now, everything) != nil
            }
        }
    }

    /// Neighbours in files, or in memory where there are no files, that are to become one.
    private func nextMerge(_ contents: Contents, _ everything: Bool) -> Range<Int>? {
        let entries = folder == nil ? contents.entries[...] : contents.entries.prefix { $0.file != nil }
        let policy = MergePolicy(factor: options.mergeFactor, smallest: 1_000)
        if everything {
            let sizes = entries.map(\.size)
            guard sizes.reduce(0, { $0 + $1.bytes }) <= policy.byteCountMax else { return policy.next(sizes) }
            return sizes.count > 1 || sizes.contains { $0.alive < $0.documents } ? 0..<sizes.count : nil
        }
        return policy.next(entries.map(\.size))
    }

    package struct Verification: Sendable, Equatable {
        package var documentCount: Int
        /// Sum of all documents' ``SearchDocument/fingerprint``, without carry.
        package var fingerprintSum: UInt64
        package var sequence: Int64
    }

    /// Reads every byte of every segment again.
    ///
    /// - Returns: What can be compared with the same of the database's documents.
    /// - Throws: `search.index_damaged`.
    package func verify() throws -> Verification {
        let contents = published.withLock { $0 }
        try contents.check()
        var report = Verification(documentCount: 0, fingerprintSum: 0, sequence: contents.sequence)
        for entry in contents.entries {
            _ = try Segment(entry.segment.memory, schema: schema)
            report.documentCount += entry.alive.aliveCount
            for document in 0..<entry.segment.documentCount where entry.alive[document] {
                report.fingerprintSum &+= UInt64(bitPattern: entry.segment.fingerprints[document])
            }
        }
        return report
    }
}
