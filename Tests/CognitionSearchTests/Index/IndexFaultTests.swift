import CognitionCore
import CognitionSearch
import Foundation
import OrderedCollections
import Testing

@Suite struct IndexFaultTests {
    private static let settings = RandomDocuments.settings

    private func open(_ folder: String, _ files: any IndexFiles = DiskFiles()) throws -> SearchIndex {
        var options = SearchIndex.Options()
        (options.mergeFactor, options.files, options.memoryDocumentsMax) = (2, files, 1_000)
        return try SearchIndex(folder: folder, settings: Self.settings, options: options) { _ in PlainAnalyzer() }
    }

    /// Changes of one seed, some of which remove what others put.
    private func changes(_ range: Range<Int>, seed: UInt64) -> [DocumentChange] {
        var documents = RandomDocuments(seed: seed)
        return range.map { number in
            let id = "d\(Int.random(in: 0..<(range.upperBound / 2 + 1), using: &documents.random))"
            return DocumentChange(
                sequence: Int64(number + 1),
                content: documents.chance(0.85) ? .put(documents.document(id: id)) : .removed(id: id))
        }
    }

    private func answers(_ index: SearchIndex) throws -> [SearchAnswer] {
        var queries = RandomDocuments(seed: 99)
        return try (0..<12).map { _ in
            var request = SearchRequest(queries.query())
            (request.fuzziness, request.limit) = (.off, 50)
            return try index.snapshot().search(request)
        }
    }

    private func files(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }

    // MARK: - Damage

    @Test("A byte that is changed anywhere is found when the index is opened, and the index begins anew")
    func damage() throws {
        try withFolder { folder in
            var index = try open(folder)
            try index.apply(changes(0..<40, seed: 1))
            try index.commit()
            try index.apply(changes(40..<50, seed: 2))
            try index.commit()
            let good = try answers(index)
            let names = try files(folder)
            #expect(names.contains { $0.hasSuffix(".segment") } && names.contains { $0.hasSuffix(".deletions") })
            var contents: [String: Data] = [:]
            for name in names { contents[name] = FileManager.default.contents(atPath: folder + "/" + name) }
            func restore() throws {
                for name in try files(folder) { try FileManager.default.removeItem(atPath: folder + "/" + name) }
                for (name, data) in contents { try data.write(to: URL(fileURLWithPath: folder + "/" + name)) }
            }
            for (name, data) in contents.sorted(by: { $0.key < $1.key }) {
                // Each byte of small files; of large ones the head, the end, and a sample.
                let sample = data.count < 400 ? 1 : 97
                let places = data.indices.filter { $0 < 40 || $0 >= data.count - 100 || $0 % sample == 0 }
                for place in places {
                    try restore()
                    var bytes = data
                    bytes[place] ^= 1 << UInt8(place % 8)
                    try bytes.write(to: URL(fileURLWithPath: folder + "/" + name))
                    index = try open(folder)
                    guard case .anew = index.beginning else {
                        Issue.record("byte \(place) of \(name): \(index.beginning)")
                        continue
                    }
                    #expect(index.sequence == 0 && index.snapshot().documentCount == 0)
                    #expect(try files(folder).isEmpty)
                }
                for length in [0, 1, data.count / 2, data.count - 1] {
                    try restore()
                    try data.prefix(length).write(to: URL(fileURLWithPath: folder + "/" + name))
                    index = try open(folder)
                    guard case .anew = index.beginning else {
                        Issue.record("\(length) bytes of \(name): \(index.beginning)")
                        continue
                    }
                }
                try restore()
                try FileManager.default.removeItem(atPath: folder + "/" + name)
                index = try open(folder)
                let isCommit = name.hasPrefix("commit.")
                #expect(isCommit ? index.beginning == .empty : index.beginning != .found, "without \(name)")
            }
            try restore()
            index = try open(folder)
            #expect(index.beginning == .found)
            #expect(try answers(index) == good)
            // Made anew it is the same again.
            #expect(try index.verify().documentCount == index.snapshot().documentCount)
        }
    }

    #if os(Linux)
        @Test("A file that is cut short while it is mapped is damage, and ends nothing")
        func cutShort() throws {
            try withFolder { folder in
                var index = try open(folder)
                try index.apply(changes(0..<400, seed: 4))
                try index.commit()
                while try index.maintain(everything: true) {}
                try index.commit()
                let name = try #require(try files(folder).first { $0.hasSuffix(".segment") })
                let path = folder + "/" + name
                let whole = try #require(FileManager.default.contents(atPath: path))
                #expect(whole.count > 3 * 4_096)
                for length in [whole.count - 1, whole.count - 4_096, whole.count / 2, 1, 0] {
                    // As another file, so that what is mapped keeps its own.
                    try FileManager.default.removeItem(atPath: path)
                    try whole.write(to: URL(fileURLWithPath: path))
                    index = try open(folder)
                    #expect(index.beginning == .found)
                    let snapshot = index.snapshot()
                    #expect(truncate(path, length) == 0)
                    func isDamage(_ work: () throws -> Void) -> Bool {
                        do { try work() } catch { return (error as? SearchError)?.code == .searchIndexDamaged }
                        return false
                    }
                    #expect(isDamage { _ = try answers(index) }, "\(length) of \(whole.count) bytes")
                    #expect(isDamage { _ = try index.verify() })
                    #expect(isDamage { try index.apply(changes(400..<401, seed: 5)) })
                    #expect(isDamage { try index.maintain(everything: true) })
                    #expect(isDamage { try snapshot.forEachDocument { _, _ in true } })
                }
            }
        }
    #endif

    @Test("Other settings and other analyzers begin anew, other boosts go on")
    func foreignSettings() throws {
        try withFolder { folder in
            let index = try open(folder)
            try index.apply(changes(0..<10, seed: 1))
            try index.commit()
            var settings = Self.settings
            settings.fields["title"]?.boost = 7
            settings.ranking.k1 = 2
            #expect(try SearchIndex(folder: folder, settings: settings) { _ in PlainAnalyzer() }.beginning == .found)
            var options = SearchIndex.Options()
            options.analysisVersion = 2
            let other = try SearchIndex(folder: folder, settings: settings, options: options) { _ in PlainAnalyzer() }
            guard case .anew = other.beginning else {
                Issue.record("\(other.beginning)")
                return
            }
            #expect(other.sequence == 0)
        }
    }

    // MARK: - Crashes

    @Test("Stopped at any step, the index opens as its last commit made it, and goes on", arguments: [3])
    func stops(seed: UInt64) throws {
        let (first, second) = (changes(0..<30, seed: seed), changes(30..<60, seed: seed + 10))
        func work(_ index: SearchIndex) throws {
            try index.apply(second)
            try index.commit()
            while try index.maintain() {}
            while try index.maintain(everything: true) {}
            try index.commit()
        }
        let whole = try withFolder { folder in
            let index = try open(folder)
            try index.apply(first)
            try index.commit()
            try work(index)
            return try (index.verify(), answers(index).map(\.hits.count))
        }
        var step = 0
        while true {
            let ended = try withFolder { folder in
                let files = FaultyFiles()
                let before = try open(folder, files)
                try before.apply(first)
                try before.commit()
                files.stop(at: step)
                var ended = true
                do { try work(before) } catch is FaultyFiles.Stopped { ended = false }
                files.heal()
                let after = try open(folder, files)
                #expect(after.beginning == .found, "step \(step)")
                #expect(after.sequence == 30 || after.sequence == 60, "step \(step)")
                try after.apply(first + second)
                try after.commit()
                let report = try after.verify()
                #expect(report == whole.0, "step \(step)")
                #expect(try answers(after).map(\.hits.count) == whole.1, "step \(step)")
                // Nothing is left lying about.
                let again = try open(folder)
                #expect(try again.verify() == whole.0, "step \(step)")
                let names = try self.files(folder)
                #expect(names.count { $0.hasPrefix("commit.") } == 1, "step \(step), \(names)")
                return ended
            }
            if ended { break }
            step += 1
        }
        #expect(step > 20)
    }

    @Test("A failure at any step leaves the index as it was; the next commit brings all of it")
    func failures() throws {
        let (first, second) = (changes(0..<30, seed: 7), changes(30..<60, seed: 8))
        var step = 0
        while true {
            let ended = try withFolder { folder in
                let files = FaultyFiles()
                let index = try open(folder, files)
                try index.apply(first)
                try index.commit()
                try index.apply(second)
                let (report, good) = (try index.verify(), try answers(index))
                files.fail(at: step)
                var ended = true
                for work in [
                    { try index.commit() }, { _ = try index.maintain(everything: true) }, { try index.commit() },
                ] {
                    do { try work() } catch is FaultyFiles.Stopped { ended = false }
                    #expect(try index.verify() == report, "step \(step)")
                }
                let steps = files.steps
                files.heal()
                #expect(try answers(index).map(\.total.value) == good.map(\.total.value), "step \(step)")
                try index.commit()
                let again = try open(folder)
                #expect(again.beginning == .found)
                #expect(try again.verify() == report, "step \(step)")
                #expect(try answers(again).map(\.hits.count) == good.map(\.hits.count), "step \(step)")
                return ended && step >= steps
            }
            if ended { break }
            step += 1
        }
        #expect(step > 15)
    }

    @Test("A full disk does not stop changes from being searchable, until memory is full, too")
    func fullDisk() throws {
        try withFolder { folder in
            let files = FaultyFiles()
            var options = SearchIndex.Options()
            (options.memoryBytesMax, options.files) = (30_000, files)
            let index = try SearchIndex(folder: folder, settings: Self.settings, options: options) { _ in
                PlainAnalyzer()
            }
            files.stop(at: 0)
            var (applied, refused) = (0, false)
            for start in stride(from: 0, to: 4_000, by: 40) {
                do {
                    try index.apply(changes(start..<start + 40, seed: UInt64(start)))
                    applied = start + 40
                } catch is FaultyFiles.Stopped {
                    refused = true
                    break
                }
                #expect(index.sequence == Int64(applied))
            }
            #expect(refused && applied > 0)
            #expect(index.sequence == Int64(applied))
            files.heal()
            try index.apply(changes(applied..<applied + 40, seed: UInt64(applied)))
            try index.commit()
            let (opened, report) = (try open(folder), try index.verify())
            #expect(try opened.verify() == report)
        }
    }

    // MARK: - Readers

    @Test("A snapshot stays what it was while its files are merged away")
    func snapshots() throws {
        try withFolder { folder in
            let index = try open(folder)
            try index.apply(changes(0..<60, seed: 5))
            try index.commit()
            let snapshot = index.snapshot()
            var request = SearchRequest(.words(WordsQuery("alpha beta gamma")))
            (request.fuzziness, request.limit, request.countsExactly) = (.off, 100, true)
            let before = try snapshot.search(request)
            for start in stride(from: 60, to: 200, by: 10) {
                try index.apply(changes(start..<start + 10, seed: UInt64(start)))
                try index.commit()
                try index.maintain(everything: true)
                try index.commit()
            }
            #expect(try files(folder).count <= 3)
            #expect(try snapshot.search(request) == before)
            #expect(try index.snapshot().search(request) != before)
        }
    }

    @Test("One writer, several readers: each reads one state of the index and no other")
    func concurrency() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("search-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var options = SearchIndex.Options()
        (options.memoryDocumentsMax, options.mergeFactor, options.batchDocumentsMax) = (64, 2, 1_000)
        let index = try SearchIndex(folder: folder, settings: Self.settings, options: options) { _ in PlainAnalyzer() }
        // Each batch replaces all ten documents with ones that name the batch: a reader sees ten of one batch.
        func batch(_ number: Int) -> [DocumentChange] {
            (0..<10).map { place in
                DocumentChange(
                    sequence: Int64(number * 10 + place + 1),
                    content: .put(
                        SearchDocument(
                            id: "d\(place)", fields: ["title": "all batch\(number)", "size": .integer(Int64(number))])))
            }
        }
        try await withThrowingTaskGroup { group in
            group.addTask {
                for number in 0..<120 {
                    try index.apply(batch(number))
                    if number % 7 == 0 { try index.commit() }
                    await Task.yield()
                }
            }
            group.addTask {
                for _ in 0..<150 {
                    try index.maintain()
                    await Task.yield()
                }
            }
            for _ in 0..<3 {
                group.addTask {
                    for _ in 0..<200 {
                        let snapshot = index.snapshot()
                        var request = SearchRequest(.words(WordsQuery("all")))
                        request.facets = [FacetRequest(field: "size", kind: .values(limit: 10))]
                        let answer = try snapshot.search(request)
                        #expect(answer.total.value == (answer.sequence == 0 ? 0 : 10))
                        #expect((answer.facets["size"] ?? []).count <= 1)
                        await Task.yield()
                    }
                }
            }
            try await group.waitForAll()
        }
        try index.commit()
        #expect(try index.verify().documentCount == 10)
    }
}
