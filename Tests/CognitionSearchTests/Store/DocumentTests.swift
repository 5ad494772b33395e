import CognitionCore
import CognitionSearch
import CognitionStorage
import CognitionTestSupport
import Testing

@Suite struct DocumentTests {
    @Test("What was written is found, replaced and removed", arguments: TestDatabase.engines)
    func life(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, _ in
            _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            let first = try await harness.put([("a", "green apples"), ("b", "red apples")])
            #expect(try await harness.find("apples", reaching: first) == ["a", "b"])
            let second = try await harness.put([("a", "green pears"), ("c", "x"), ("c", "apples at last")])
            #expect(second > first)
            #expect(try await harness.find("apples", reaching: second) == ["b", "c"])
            let third = try await harness.search.remove("b", from: "notes", as: .localOperator).sequence
            #expect(try await harness.find("apples", reaching: third) == ["c"])
            await #expect(throws: SearchError.self) {
                try await harness.search.remove("b", from: "notes", as: .localOperator)
            }
            let shown = try await harness.search.document("c", of: "notes", as: .localOperator)
            #expect(shown["fields"] == ["text": "apples at last"])
        }
    }

    @Test("The same document again gives copies nothing to do", arguments: TestDatabase.engines)
    func repeats(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, _ in
            _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            try await harness.put([("a", "x")])
            let again = try await harness.put([("a", "x")])
            #expect(try await harness.count("SELECT sequence FROM search_documents") == 1)
            // Whoever waits for what was answered does not wait in vain.
            #expect(try await harness.find("x", reaching: again) == ["a"])
        }
    }

    @Test("Documents of another transaction come and go with it", arguments: TestDatabase.engines)
    func transactional(on engine: TestDatabase.Engine) async throws {
        struct Refused: Error {}
        try await SearchHarness.with(engine) { harness, _ in
            let search = harness.search
            let index = try await search.setIndex("notes", to: SearchHarness.text, as: .localOperator).view.index
            let prepared = try search.prepare(SearchDocument(id: "a", fields: ["text": "kept"]))
            await #expect(throws: Refused.self) {
                try await harness.database.write { tx in
                    _ = search.put([prepared], into: index, in: tx)
                    throw Refused()
                }
            }
            #expect(try await harness.count("SELECT COUNT(*) FROM search_documents") == 0)
            let receipt = try await harness.database.write { tx in search.put([prepared], into: index, in: tx) }
            #expect(try await harness.find("kept", reaching: try #require(receipt).sequence) == ["a"])
        }
    }

    @Test("Beside many writers a copy misses no change", arguments: TestDatabase.engines)
    func concurrentWriters(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, _ in
            _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            _ = try await harness.search.setIndex("other", to: SearchHarness.text, as: .localOperator)
            try await harness.running {
                let reached = try await withThrowingTaskGroup(of: Int64.self) { group in
                    for writer in 0..<8 {
                        group.addTask { try await Self.write(as: writer, into: harness) }
                    }
                    return try await group.reduce(0) { max($0, $1) }
                }
                let found = try await harness.find("word7", reaching: reached)
                #expect(found.count == 24)
                #expect(try await harness.find("word5", reaching: reached).count == 16)
                let verdict = try await harness.search.verify("notes", as: .localOperator)
                #expect(verdict.isEqual && verdict.documents == 8 * 40 * 3 - 8 * 8 + 1, "\(verdict)")
                #expect(try await harness.search.verify("other", as: .localOperator).documents == 8)
            }
        }
    }

    /// Two indexes in turns, some documents again and again, some removed.
    private static func write(as writer: Int, into harness: SearchHarness) async throws -> Int64 {
        var last: Int64 = 0
        for number in 0..<40 {
            let texts = (0..<3).map { ("\(writer)-\(number)-\($0)", "word\(number)") }
            last = try await harness.put(texts + [("shared", "by \(writer) \(number)")])
            try await harness.put([("o\(writer)", "word\(number)")], into: "other")
            if number.isMultiple(of: 5) {
                last = try await harness.search.remove(
                    "\(writer)-\(number)-0", from: "notes", as: .localOperator
                ).sequence
            }
            if number.isMultiple(of: 9) {
                let found = try await harness.find("word\(number)", reaching: last)
                #expect(found.contains("\(writer)-\(number)-1"))
            }
        }
        return last
    }

    @Test(
        "Removals are forgotten in time, and a copy that has not heard of them is made anew",
        arguments: TestDatabase.engines)
    func purge(on engine: TestDatabase.Engine) async throws {
        let clock = ManualClock()
        try await SearchHarness.with(engine, clock: clock) { harness, folder in
            _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            let first = try await harness.put([("a", "apples"), ("b", "apples")])
            #expect(try await harness.find("apples", reaching: first) == ["a", "b"])
            await harness.search.close()

            let other = SearchHarness(harness.database, folder: folder + "/other", clock: clock)
            _ = try await other.search.remove("a", from: "notes", as: .localOperator)
            try await other.search.purge()
            #expect(try await other.count("SELECT COUNT(*) FROM search_documents") == 2)
            clock.advance(by: .seconds(8 * 86_400))
            try await other.search.purge()
            #expect(try await other.count("SELECT COUNT(*) FROM search_documents") == 1)
            // One that is made from the beginning has missed nothing.
            #expect(try await other.find("apples") == ["b"])
            await other.search.close()

            let back = SearchHarness(harness.database, folder: folder, clock: clock)
            try await back.until { try await back.find("apples") == ["b"] }
            #expect(try await back.search.verify("notes", as: .localOperator).isEqual)
            await back.search.close()
        }
    }

    @Test("What was written while no copy was open is found when one is", arguments: TestDatabase.engines)
    func catchUp(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, folder in
            _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            var sequence: Int64 = 0
            for batch in 0..<12 {
                sequence = try await harness.put((0..<250).map { ("\(batch)-\($0)", "batch\(batch) word\($0)") })
            }
            #expect(try await harness.find("word249", reaching: sequence).count == 12)
            await harness.search.close()
            let next = SearchHarness(harness.database, folder: folder)
            #expect(try await next.find("batch3").count == 250)
            await next.search.close()
            let elsewhere = SearchHarness(harness.database, folder: folder + "/elsewhere")
            #expect(try await elsewhere.find("batch11").count == 250)
            await elsewhere.search.close()
        }
    }

    @Test("Who waits for what never comes is told so")
    func sequenceNotReached() async throws {
        try await SearchHarness.with(.sqliteMemory) { harness, _ in
            _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            var order = SearchOrder(SearchRequest(.all))
            order.waitSequence = 1_000
            order.waitLimit = .milliseconds(50)
            let error = await #expect(throws: SearchError.self) {
                try await harness.search.search("notes", order, as: .localOperator)
            }
            #expect(error?.code == .searchSequenceNotReached)
        }
    }

    @Test("What is too large, or named as nothing may be named, is refused")
    func refused() async throws {
        try await SearchHarness.with(.sqliteMemory, configure: { $0.documentBytesMax = 1_000 }) { harness, _ in
            _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            let many = JSONObject((0..<1_001).map { ("f\($0)", JSONValue.integer(1)) })
            let refused = [
                SearchDocument(id: "", fields: [:]), SearchDocument(id: "a\u{0}b", fields: [:]),
                SearchDocument(id: String(repeating: "a", count: 513), fields: [:]),
                SearchDocument(id: "a", fields: many),
                SearchDocument(id: "a", fields: ["text": .string(String(repeating: "a", count: 1_000))]),
            ]
            for document in refused {
                let error = await #expect(throws: SearchError.self) {
                    try await harness.search.put([document], into: "notes", as: .localOperator)
                }
                #expect(error?.code == .searchDocumentInvalid)
            }
            for name in ["nowhere", "UPPER", "_executions", "../x"] {
                await #expect(throws: SearchError.self) {
                    try await harness.put([("a", "b")], into: name)
                }
            }
            // What a text holds is the writer's own affair.
            let sequence = try await harness.put([("nul", "before\u{0}after")])
            #expect(try await harness.find("before", reaching: sequence) == ["nul"])
        }
    }
}
