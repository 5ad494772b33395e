import CognitionCore
import CognitionSearch
import CognitionTestSupport
import Testing
@Suite struct ScratchTests {
    @Test func typo() async throws {
        try await SearchHarness.with(.sqliteMemory) { h, _ in
            _ = try await h.search.setIndex("notes", to: SearchSettings(["title": .text(), "body": .text()]), as: .localOperator)
            let w = try await h.search.put((0..<5).map { SearchDocument(id: "\($0)", fields: ["title": .string("ticket \($0) about delivery"), "body": "The parcel came late, and a refund was asked for."]) }, into: "notes", as: .localOperator)
            for q: JSONValue in ["delivry", "delivrey", "delivary", "deliverry", "parcl", "tickt"] {
              for f: JSONValue in ["auto", false] {
                let b = try await h.search.query("notes", ["query": q, "fuzzy": f, "limit": 1, "return_fields": false, "wait_for_seq": .integer(w.sequence)], as: .localOperator)
                print(q.jsonText, f.jsonText, String(decoding: b, as: UTF8.self))
              }
            }
        }
    }
}
