import CognitionCore
import CognitionSearch
import Foundation
import Testing

@Suite struct RandomOperationsTests {
    @Test("An index does what looking at all documents does, whatever happens to its files", arguments: 1...6)
    func sameAsNaive(seed: UInt64) throws {
        try withFolder { folder in
            var (documents, naive) = (RandomDocuments(seed: seed), NaiveIndex(settings: RandomDocuments.settings))
            var options = SearchIndex.Options()
            options.memoryDocumentsMax = 60
            options.batchDocumentsMax = 25
            options.mergeFactor = 3
            func open() throws -> SearchIndex {
                try SearchIndex(folder: folder, settings: RandomDocuments.settings, options: options) { _ in
                    PlainAnalyzer()
                }
            }
            var (index, sequence) = (try open(), Int64(0))
            for step in 0..<14 {
                switch Int.random(in: 0..<10, using: &documents.random) {
                case 0...5:
                    var changes: [DocumentChange] = []
                    for _ in 0..<Int.random(in: 1...40, using: &documents.random) {
                        sequence += Int64.random(in: 1...3, using: &documents.random)
                        let id = "d\(Int.random(in: 0..<150, using: &documents.random))"
                        changes.append(
                            DocumentChange(
                                sequence: sequence,
                                content: documents.chance(0.8) ? .put(documents.document(id: id)) : .removed(id: id)))
                    }
                    try index.apply(changes)
                    for change in changes { naive.apply(change) }
                case 6: try index.commit()
                case 7: try index.maintain()
                case 8:
                    try index.commit()
                    index = try open()
                    #expect(index.beginning == (sequence == 0 ? .empty : .found), "seed \(seed), step \(step)")
                default: while try index.maintain(everything: true) {}
                }
                #expect(index.sequence == sequence)
                let report = try index.verify()
                #expect(report.documentCount == naive.documents.count, "seed \(seed), step \(step)")
                #expect(report.fingerprintSum == naive.fingerprintSum, "seed \(seed), step \(step)")
                for _ in 0..<4 { try compare(index.snapshot(), naive, &documents, "seed \(seed), step \(step)") }
            }
        }
    }

    /// One random request, whose answer has to be that of looking at all documents.
    private func compare(
        _ snapshot: IndexSnapshot, _ naive: NaiveIndex, _ documents: inout RandomDocuments, _ place: String
    ) throws {
        let query = documents.query()
        var request = SearchRequest(query)
        (request.fuzziness, request.limit, request.countsExactly) = (.off, 1_000, true)
        if documents.chance(0.3) { request.roles = documents.chance(0.5) ? ["user"] : [] }
        let expected = naive.matches(query, request, like: snapshot)
        let all = try snapshot.search(request)
        let comment: Comment = "\(place), \(query), roles \(request.roles ?? ["-"])"
        #expect(Set(all.hits.map(\.id)) == Set(expected.map(\.id)), comment)
        #expect(all.total == .init(value: expected.count, isLowerBound: false), comment)
        let scores = Dictionary(uniqueKeysWithValues: expected.map { ($0.id, $0) })
        for hit in all.hits {
            guard let wanted = scores[hit.id] else { continue }
            #expect(abs(hit.score - wanted.score) <= 1e-4 * max(1, wanted.score), "\(hit.id), \(comment)")
        }
        for (one, next) in zip(all.hits, all.hits.dropFirst()) {
            #expect(
                one.score > next.score || (one.score == next.score && one.cursor.sequence < next.cursor.sequence),
                comment)
        }
        // Pruned: the same page to the last bit.
        request.countsExactly = false
        for limit in [1, 3, 10] {
            request.limit = limit
            let page = try snapshot.search(request)
            #expect(page.hits == Array(all.hits.prefix(limit)), "limit \(limit), \(comment)")
            #expect(
                page.total.isLowerBound ? page.total.value <= expected.count : page.total.value == expected.count,
                comment)
            request.page = .offset(limit)
            #expect(try snapshot.search(request).hits == Array(all.hits.dropFirst(limit).prefix(limit)), comment)
            request.page = .offset(0)
            if let last = page.hits.last {
                request.page = .after(last.cursor)
                #expect(try snapshot.search(request).hits == Array(all.hits.dropFirst(limit).prefix(limit)), comment)
                request.page = .offset(0)
            }
        }
        try compareFacets(snapshot, naive, &documents, request, comment)
        try compareOrder(snapshot, naive, &documents, request, comment)
    }

    private func compareFacets(
        _ snapshot: IndexSnapshot, _ naive: NaiveIndex, _ documents: inout RandomDocuments, _ request: SearchRequest,
        _ comment: Comment
    ) throws {
        var request = request
        let filter = FieldFilter(field: "tag", condition: .equals(field: "tag", value: "red"))
        let other = FieldFilter(
            field: "size", condition: .range(field: "size", ValueRange(lower: .init(0, isInclusive: true))))
        request.filters = [filter, other].filter { _ in documents.chance(0.5) }
        request.facets = [
            FacetRequest(field: "tag", kind: .values(limit: 100)),
            FacetRequest(
                field: "size",
                kind: .ranges([
                    (name: "small", range: ValueRange(upper: .init(0, isInclusive: false))),
                    (name: "large", range: ValueRange(lower: .init(0, isInclusive: true))),
                ])),
        ]
        let answer = try snapshot.search(request)
        func hits(_ filters: [FieldFilter]) -> [SearchDocument] {
            let ids = Set(
                naive.matches(.and([request.query] + filters.map { .filter($0.condition) }), request, like: snapshot)
                    .map(\.id))
            return naive.documents.map(\.document).filter { ids.contains($0.id) }
        }
        #expect(answer.total.value == hits(request.filters).count, comment)
        var tags: [String: Int] = [:]
        for document in hits(request.filters.filter { $0.field != "tag" }) {
            for tag in Set(naive.values("tag", document).compactMap(\.stringValue)) { tags[tag, default: 0] += 1 }
        }
        #expect(
            Dictionary(uniqueKeysWithValues: (answer.facets["tag"] ?? []).map { ($0.value, $0.count) }) == tags, comment
        )
        let sizes = hits(request.filters.filter { $0.field != "size" }).compactMap {
            naive.values("size", $0).first?.doubleValue
        }
        #expect(answer.facets["size"]?.map(\.count) == [sizes.count { $0 < 0 }, sizes.count { $0 >= 0 }], comment)
    }

    private func compareOrder(
        _ snapshot: IndexSnapshot, _ naive: NaiveIndex, _ documents: inout RandomDocuments, _ request: SearchRequest,
        _ comment: Comment
    ) throws {
        var request = request
        let (isDescending, field) = (
            documents.chance(0.5), documents.one(of: ["tag", "size", "made"])
        )
        request.sort = [SortKey(.field(field), isDescending: isDescending)]
        request.limit = 1_000
        let all = try snapshot.search(request).hits
        let known = Dictionary(
            uniqueKeysWithValues: naive.documents.enumerated().map { ($1.document.id, ($0, $1.document)) })
        let places = known.mapValues(\.0)
        func key(_ id: String) -> [UInt8]? {
            let values = naive.values(field, known[id]?.1 ?? SearchDocument(id: "", fields: [:]))
            let keys = values.map { value -> [UInt8] in
                if let text = value.stringValue { return Array(text.utf8) }
                return withUnsafeBytes(
                    of: UInt64(bitPattern: Int64((value.doubleValue ?? 0) * 4) &+ (1 << 60)).bigEndian, Array.init)
            }
            func isLess(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.lexicographicallyPrecedes(right) }
            return isDescending ? keys.max(by: isLess) : keys.min(by: isLess)
        }
        let expected = naive.matches(request.query, request, like: snapshot).map(\.id).sorted { left, right in
            switch (key(left), key(right)) {
            case (nil, nil): return places[left, default: 0] < places[right, default: 0]
            case (nil, _): return false
            case (_, nil): return true
            case (let a?, let b?):
                if a == b { return places[left, default: 0] < places[right, default: 0] }
                return a.lexicographicallyPrecedes(b) != isDescending
            }
        }
        #expect(all.map(\.id) == expected, "by \(field) \(isDescending), \(comment)")
        request.limit = 4
        var pages: [String] = []
        while true {
            let page = try snapshot.search(request).hits
            pages += page.map(\.id)
            guard let last = page.last, pages.count <= expected.count else { break }
            request.page = .after(last.cursor)
        }
        #expect(pages == expected, "pages by \(field) \(isDescending), \(comment)")
    }
}

/// A folder that is gone afterwards.
func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("search-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
}
