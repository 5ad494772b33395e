import CognitionCore
import CognitionSearch
import Testing

@Suite struct RelevanceCheckTests {
    @Test func `Measures are those of the literature`() {
        // By hand: (3/1 + 0/1.585 + 1/2) / (3/1 + 2/1.585 + 1/2)
        let nDCG = RankingMeasures.nDCG(["a", "x", "c"], ["a": 3, "b": 2, "c": 1], depth: 10)
        let ideal: Double = 3.5 + 2 / 1.584962500721156
        #expect(abs(nDCG - 3.5 / ideal) < 1e-12)
        #expect(RankingMeasures.nDCG(["a"], [:], depth: 10) == 0)
        #expect(RankingMeasures.nDCG(["x", "a"], ["a": 1], depth: 1) == 0)
        let precision: Double = (1 + 2.0 / 3) / 3
        #expect(RankingMeasures.averagePrecision(["a", "x", "b", "y"], ["a", "b", "c"]) == precision)
        #expect(RankingMeasures.recall(["a", "x", "b"], ["a", "b"], depth: 2) == 0.5)
    }

    @Test func `A change is worth what its queries gain, and says which lose`() throws {
        let check = RelevanceCheck([
            .init("wing", grades: ["a": 2, "b": 1]), .init("tail", grades: ["c": 1], within: 1),
            .init("nose", grades: ["d": 1], within: 2),
        ])
        let before = ["wing": ["a", "b"], "tail": ["c", "x"], "nose": ["x", "d"]]
        let after = ["wing": ["b", "a"], "tail": ["x", "c"], "nose": ["d"]]
        let report = check.run(before: { before[$0] ?? [] }, after: { after[$0] ?? [] })
        #expect(report.losers.map(\.text) == ["tail", "wing"])
        #expect(report.losers[0].after.missing == ["c"])
        #expect(report.nDCG.before > report.nDCG.after)
        #expect(report.json["losing"]?[0]?["missing"] == ["c"])
        #expect(report.json["queries"] == 3)
        #expect(RelevanceCheck([]).run(before: { _ in [] }, after: { _ in [] }).nDCG.after == 0)
    }

    @Test func `Pinned queries read back as they were written`() throws {
        let text = #"[{"query":"wing","judgements":{"a":2,"b":1}},{"query":"tail","expect":["c"],"within":3}]"#
        let check = try RelevanceCheck(json: JSONValue(parsing: text))
        #expect(check.json.jsonText == text)
    }

    @Test(arguments: [
        (#"{}"#, "a list is needed"), (#"[{"query":"a"}]"#, "/0: 'expect', a list of ids"),
        (#"[{"query":"a","judgements":{"a":0}}]"#, "/0/judgements/a: a number of"),
        (#"[{"query":"a","expect":["a"],"judgements":{"a":1}}]"#, "/0: 'judgements' stands without"),
        (#"[{"expect":["a"]}]"#, "/0: 'query' is needed"),
    ])
    func `Pinned queries that are none are refused with their place`(_ text: String, _ start: String) throws {
        let error = #expect(throws: SearchError.self) { try RelevanceCheck(json: JSONValue(parsing: text)) }
        #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
    }
}
