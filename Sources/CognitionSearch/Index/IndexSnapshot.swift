import CognitionCore

/// An index as it was at a moment, to be searched by any number of threads.
package struct IndexSnapshot: Sendable {
    let contents: SearchIndex.Contents
    let schema: IndexSchema

    package var settings: SearchSettings { schema.settings }
    /// The last change it knows.
    package var sequence: Int64 { contents.sequence }
    package var documentCount: Int { contents.entries.reduce(0) { $0 + $1.alive.aliveCount } }
    package var byteCount: Int { contents.entries.reduce(0) { $0 + $1.segment.byteCount } }

    /// Looks whether the files are whole, before something of them is read.
    ///
    /// - Throws: `search.index_damaged`.
    func check() throws(SearchError) { try contents.check() }

    /// The change that put a document which is there; `nil` if there is none of that id.
    package func sequence(ofDocument id: String) throws -> Int64? {
        try check()
        for entry in contents.entries.reversed() {
            if let document = try entry.segment.document(id: id), entry.alive[document] {
                return entry.segment.sequences[document]
            }
        }
        return nil
    }

    /// Ids of all documents, in the order of documents, until `body` says no.
    package func forEachDocument(_ body: (_ id: String, _ sequence: Int64) -> Bool) throws {
        try check()
        for entry in contents.entries {
            for document in 0..<entry.segment.documentCount where entry.alive[document] {
                if !body(try entry.segment.id(of: document), entry.segment.sequences[document]) { return }
            }
        }
    }
}

// MARK: - Words

extension IndexSnapshot {
    /// Terms of a text or keyword field that begin so, in the order of their bytes, each with how many documents have it
    /// (deleted ones included until they are merged away), until `body` says no.
    package func forEachTerm(
        in field: String, prefix: String = "", _ body: (_ term: String, _ documents: Int) -> Bool
    ) throws {
        let start = Array(prefix.utf8)
        try forEachTerm(in: field, from: start) { term, documents in
            term.starts(with: start) && body(String(decoding: term, as: UTF8.self), documents)
        }
    }

    /// The same from a term on, as bytes.
    func forEachTerm(in field: String, from start: [UInt8], _ body: ([UInt8], Int) -> Bool) throws {
        try forEachEntry(in: field, from: start) { term, entries in
            body(Array(term), entries.reduce(0) { $0 + ($1?.documentCount ?? 0) })
        }
    }

    /// The same, with what the dictionary of each segment says of the term.
    func forEachEntry(
        in field: String, from start: [UInt8], _ body: (UnsafeRawBufferPointer, [TermEntry?]) -> Bool
    ) throws {
        guard let place = schema.place(of: field) else { return }
        try check()
        let iterators = contents.entries.map { $0.segment.fields[place].dictionary.map(TermIterator.init) }
        for iterator in iterators { iterator?.seek(start) }
        var (entries, equal) = ([TermEntry?](repeating: nil, count: iterators.count), [Int]())
        while true {
            equal.removeAll(keepingCapacity: true)
            for (number, iterator) in iterators.enumerated() {
                guard let iterator, iterator.entry != nil else { continue }
                if let first = equal.first, let least = iterators[first] {
                    let order = compare(iterator.bytes, least.bytes)
                    if order > 0 { continue }
                    if order < 0 { equal.removeAll(keepingCapacity: true) }
                }
                equal.append(number)
            }
            guard let first = equal.first, let least = iterators[first] else { break }
            for number in entries.indices { entries[number] = nil }
            for number in equal { entries[number] = iterators[number]?.entry }
            if !body(least.bytes, entries) { return }
            for number in equal { iterators[number]?.advance() }
        }
        if iterators.contains(where: { $0?.isDamaged == true }) {
            throw SearchError.damaged("a dictionary cannot be read")
        }
    }

    /// Documents that have a term in a field, deleted ones included until they are merged away.
    package func documentFrequency(of term: String, in field: String) -> Int {
        guard let place = schema.place(of: field) else { return 0 }
        return contents.entries.reduce(0) { $0 + ($1.segment.fields[place].dictionary?.find(term)?.documentCount ?? 0) }
    }

    /// Documents that have terms in a text field, and how many terms those have together; deleted ones included until they
    /// are merged away.
    package func lengths(of field: String) -> (documents: Int, terms: Int) {
        guard let place = schema.place(of: field) else { return (0, 0) }
        return contents.entries.reduce(into: (0, 0)) { sum, entry in
            sum.0 += entry.segment.fields[place].documentsWithTerms
            sum.1 += entry.segment.fields[place].occurrences
        }
    }

    /// Distinct terms of all text fields. Goes through all dictionaries.
    package func vocabularySize() throws -> Int {
        var count = 0
        for (place, field) in schema.fields.enumerated() where field.kind == .text {
            if contents.entries.count == 1 {
                count += contents.entries[0].segment.fields[place].dictionary?.count ?? 0
            } else {
                try forEachTerm(in: field.name, from: []) { _, _ in
                    count += 1
                    return true
                }
            }
        }
        return count
    }
}
