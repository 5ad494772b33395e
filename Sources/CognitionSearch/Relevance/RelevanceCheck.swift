package import CognitionCore

/// Queries whose answers are known: run against settings before they are taken, so that a change that makes answers worse is
/// seen first.
package struct RelevanceCheck: Sendable, Equatable {
    /// A query and what it is to find.
    package struct PinnedQuery: Sendable, Equatable {
        /// As it would be typed.
        package var text: String
        /// Documents by what they are worth, above 0.
        package var grades: [String: Double]
        /// The documents of these ids, where one is named, are to be among the first so many.
        package var within: Int?

        /// - Parameter grades: Of ids; for ids without grades, the same for each.
        package init(_ text: String, grades: [String: Double], within: Int? = nil) {
            self.text = text
            self.grades = grades
            self.within = within
        }
    }

    /// What a ranking is worth for a query.
    package struct Score: Sendable, Equatable {
        package var nDCG: Double
        package var averagePrecision: Double
        package var recall: Double
        /// Documents that were to be among the first and are not.
        package var missing: [String]
    }

    package struct Comparison: Sendable, Equatable {
        package var text: String
        package var before: Score
        package var after: Score

        /// Whether the change makes the answer worse: its nDCG falls, or a document is missing that was not.
        package var loses: Bool {
            after.nDCG < before.nDCG - 1e-9 || !Set(after.missing).isSubset(of: before.missing)
        }
    }

    package struct Report: Sendable, Equatable {
        package var comparisons: [Comparison]

        package var nDCG: (before: Double, after: Double) {
            (Self.mean(comparisons.map(\.before.nDCG)), Self.mean(comparisons.map(\.after.nDCG)))
        }
        package var averagePrecision: (before: Double, after: Double) {
            (
                Self.mean(comparisons.map(\.before.averagePrecision)),
                Self.mean(comparisons.map(\.after.averagePrecision))
            )
        }
        package var recall: (before: Double, after: Double) {
            (Self.mean(comparisons.map(\.before.recall)), Self.mean(comparisons.map(\.after.recall)))
        }

        /// The greatest loss first.
        package var losers: [Comparison] {
            comparisons.filter(\.loses).sorted {
                ($0.after.nDCG - $0.before.nDCG, $0.text) < ($1.after.nDCG - $1.before.nDCG, $1.text)
            }
        }

        private static func mean(_ values: [Double]) -> Double {
            values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
        }
    }

    package static let queriesMax = 1_000
    package static let judgementsMax = 1_000
    /// Hits that are looked at for a query.
    package static let depth = 100
    private static let depthOfGain = 10

    package var queries: [PinnedQuery]

    package init(_ queries: [PinnedQuery]) { self.queries = queries }

    /// Ranks each query with both settings and compares.
    ///
    /// - Parameters:
    ///   - before: Ids of the best ``depth`` documents for a text, the best first, as the settings that hold find them.
    ///   - after: The same with the settings that are meant to hold.
    package func run(
        before: (String) throws -> [String], after: (String) throws -> [String]
    ) rethrows -> Report {
        Report(
            comparisons: try queries.map { query in
                Comparison(
                    text: query.text, before: Self.score(try before(query.text), for: query),
                    after: Self.score(try after(query.text), for: query))
            })
    }

    package static func score(_ ranking: [String], for query: PinnedQuery) -> Score {
        let relevant = Set(query.grades.keys)
        let first = Set(ranking.prefix(query.within ?? 0))
        return Score(
            nDCG: RankingMeasures.nDCG(ranking, query.grades, depth: depthOfGain),
            averagePrecision: RankingMeasures.averagePrecision(ranking, relevant, depth: depth),
            recall: RankingMeasures.recall(ranking, relevant, depth: depth),
            missing: query.within == nil ? [] : relevant.subtracting(first).sorted())
    }
}

extension RelevanceCheck {
    private static let grades = 0.001...1_000.0

    /// Reads pinned queries: a list of objects of `query`, and `expect`, a list of ids which are to be among the first
    /// `within` (10), or `judgements`, an object of grades by id.
    ///
    /// - Throws: `code`, with the place in its message.
    package init(json: JSONValue, at pointer: JSONPointer = .root, code: ErrorCode = .searchQueryInvalid) throws {
        queries = try JSONPlace(json, pointer, code: code).list(max: Self.queriesMax).map { place in
            _ = try place.object("a pinned query", ["query", "expect", "within", "judgements"])
            guard let query = place.member("query") else { throw place.refusal("'query' is needed") }
            let text = try query.text(bytes: 1...10_000)
            if let judgements = place.member("judgements") {
                guard place.member("expect") == nil, place.member("within") == nil else {
                    throw place.refusal("'judgements' stands without 'expect' and 'within'")
                }
                let members = try judgements.object("'judgements'")
                guard (1...Self.judgementsMax).contains(members.count) else {
                    throw judgements.refusal("1 to \(Self.judgementsMax) judgements are needed, not \(members.count)")
                }
                var grades: [String: Double] = [:]
                for (id, grade) in members {
                    let grade = JSONPlace(grade, judgements.pointer.appending(id), code: code)
                    grades[id] = try grade.number(in: Self.grades)
                }
                return PinnedQuery(text, grades: grades)
            }
            guard let ids = try place.member("expect")?.texts(max: Self.judgementsMax), !ids.isEmpty else {
                throw place.refusal("'expect', a list of ids, or 'judgements' is needed")
            }
            let within = try place.member("within")?.whole(in: 1...Self.depth) ?? 10
            return PinnedQuery(text, grades: Dictionary(ids.map { ($0, 1) }) { $1 }, within: within)
        }
    }

    /// The queries as ``init(json:at:code:)`` reads them.
    package var json: JSONValue {
        .array(
            queries.map { query in
                let ids = query.grades.keys.sorted()
                guard let within = query.within else {
                    let grades = JSONObject(ids.map { ($0, JSONValue(query.grades[$0] ?? 0)) })
                    return ["query": .string(query.text), "judgements": .object(grades)]
                }
                return [
                    "query": .string(query.text), "expect": .array(ids.map(JSONValue.string)),
                    "within": .integer(Int64(within)),
                ]
            })
    }
}

extension RelevanceCheck.Report {
    /// Means before and after, and the queries that lose, the greatest loss first.
    package var json: JSONValue {
        func both(_ values: (before: Double, after: Double)) -> JSONValue {
            ["before": JSONValue(values.before), "after": JSONValue(values.after)]
        }
        return [
            "queries": .integer(Int64(comparisons.count)), "ndcg_10": both(nDCG), "map": both(averagePrecision),
            "recall_100": both(recall),
            "losing": .array(
                losers.map { comparison in
                    [
                        "query": .string(comparison.text),
                        "ndcg_10": both((comparison.before.nDCG, comparison.after.nDCG)),
                        "missing": .array(comparison.after.missing.map(JSONValue.string)),
                    ]
                }),
        ]
    }
}
