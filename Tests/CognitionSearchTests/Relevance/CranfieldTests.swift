import CognitionCore
import CognitionSearch
import Foundation
import OrderedCollections
import Testing

/// 1,400 abstracts and 225 questions with exhaustive judgements: answers are as good as BM25 is known to make them.
///
/// A Python reference with exact BM25, Lucene's stop words and Snowball's stemmer has .359/.294/.732 (nDCG@10, MAP,
/// recall@100) for one field, .373 for two, and .332 for the misspelt questions.
@Suite(.enabled(if: Cranfield.isThere)) struct CranfieldTests {
    private func expect(
        _ measured: Cranfield.Measures, nDCG: Double, map: Double = 0, recall: Double = 0, _ what: String,
        location: SourceLocation = #_sourceLocation
    ) {
        #expect(measured.nDCG >= nDCG, "\(what): \(measured)", sourceLocation: location)
        #expect(measured.map >= map, "\(what): \(measured)", sourceLocation: location)
        #expect(measured.recall >= recall, "\(what): \(measured)", sourceLocation: location)
    }

    @Test func `One field with stop words and stems`() throws {
        let cranfield = try Cranfield()
        let index = try cranfield.index(fields: 1)
        let exact = try cranfield.measure(index, .off)
        expect(exact, nDCG: 0.354, map: 0.289, recall: 0.725, "without misspellings")
        let tolerant = try cranfield.measure(index, .auto)
        expect(tolerant, nDCG: exact.nDCG - 0.005, map: exact.map - 0.005, "clean questions, with misspellings")
    }

    @Test func `Title and text as two fields`() throws {
        let cranfield = try Cranfield()
        expect(try cranfield.measure(try cranfield.index(fields: 2), .off), nDCG: 0.365, "two fields")
    }

    @Test func `Questions with an error in every word of five letters or more`() throws {
        let cranfield = try Cranfield()
        let index = try cranfield.index(fields: 1)
        var random = SplitMix64(seed: 7)
        let misspelt = cranfield.questions.map { Cranfield.misspell($0.text, &random) }
        expect(try cranfield.measure(index, .auto, misspelt), nDCG: 0.325, "misspelt questions")
        #expect(try cranfield.measure(index, .off, misspelt).nDCG < 0.2, "the errors are errors")
    }
}

struct Cranfield {
    struct Measures: CustomStringConvertible {
        var nDCG = 0.0
        var map = 0.0
        var recall = 0.0

        var description: String { String(format: "nDCG@10 %.4f, MAP %.4f, recall@100 %.4f", nDCG, map, recall) }
    }

    let questions: [(id: String, text: String)]
    private let documents: [JSONValue]
    private let grades: [String: [String: Double]]

    private static let folder = {
        let data =
            ProcessInfo.processInfo.environment["COGNITIONOS_SHARED_DATA"].map { URL(filePath: $0) }
            ?? URL(filePath: #filePath).appending(path: "../../../../../shared/data").standardizedFileURL
        return data.appending(path: "search/cranfield").path + "/"
    }()

    /// Its licence is not known, so that it does not come with the sources.
    static var isThere: Bool { FileManager.default.fileExists(atPath: folder + "qrels.tsv") }

    init() throws {
        func lines(_ name: String) throws -> [Substring] {
            try String(contentsOfFile: Self.folder + name, encoding: .utf8).split(separator: "\n")
        }
        documents = try lines("docs.jsonl").map { try JSONValue(parsing: String($0)) }
        questions = try lines("queries.jsonl").map {
            let question = try JSONValue(parsing: String($0))
            return (try #require(question["id"]?.stringValue), try #require(question["text"]?.stringValue))
        }
        grades = try lines("qrels.tsv").dropFirst().reduce(into: [:]) { grades, line in
            let parts = line.split(separator: "\t").map(String.init)
            grades[parts[0], default: [:]][parts[1]] = try #require(Double(parts[2]))
        }
    }

    func index(fields: Int) throws -> IndexSnapshot {
        var settings = SearchSettings()
        settings.fields["text"] = SearchField(.text)
        if fields == 2 { settings.fields["title"] = SearchField(.text) }
        let index = try SearchIndex(folder: nil, settings: settings, analyzers: Analyzers.named)
        try index.apply(
            documents.enumerated().map { number, document in
                let (title, text) = (document["title"]?.stringValue ?? "", document["text"]?.stringValue ?? "")
                let fields: JSONObject =
                    fields == 2
                    ? ["title": .string(title), "text": .string(text)] : ["text": .string("\(title) \(text)")]
                let content = SearchDocument(id: document["id"]?.stringValue ?? "", fields: fields)
                return DocumentChange(sequence: Int64(number) + 1, content: .put(content))
            })
        return index.snapshot()
    }

    /// Means over all questions, or over other texts in their places.
    func measure(
        _ index: IndexSnapshot, _ fuzziness: SearchRequest.Fuzziness, _ texts: [String]? = nil
    ) throws -> Measures {
        var sum = Measures()
        for (number, question) in questions.enumerated() {
            var request = SearchRequest(.words(WordsQuery(texts?[number] ?? question.text)))
            request.limit = 1_000
            request.fuzziness = fuzziness
            let ranking = try index.search(request).hits.map(\.id)
            let grades = grades[question.id] ?? [:]
            sum.nDCG += RankingMeasures.nDCG(ranking, grades, depth: 10)
            sum.map += RankingMeasures.averagePrecision(ranking, Set(grades.keys))
            sum.recall += RankingMeasures.recall(ranking, Set(grades.keys), depth: 100)
        }
        let count = Double(questions.count)
        return Measures(nDCG: sum.nDCG / count, map: sum.map / count, recall: sum.recall / count)
    }

    /// One edit in each word of five letters or more, never of the first letter: another letter, one less, one more, or two
    /// exchanged.
    static func misspell(_ text: String, _ random: inout SplitMix64) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz")
        return text.split(separator: " ").map { word in
            var letters = Array(word)
            guard letters.count >= 5, letters.allSatisfy(\.isLetter) else { return String(word) }
            let place = Int.random(in: 1..<letters.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: letters[place] = alphabet.filter { $0 != letters[place] }.randomElement(using: &random) ?? "x"
            case 1: letters.remove(at: place)
            case 2: letters.insert(alphabet.randomElement(using: &random) ?? "x", at: place)
            default: letters.swapAt(place, place + 1 < letters.count ? place + 1 : place - 1)
            }
            return String(letters)
        }.joined(separator: " ")
    }
}
