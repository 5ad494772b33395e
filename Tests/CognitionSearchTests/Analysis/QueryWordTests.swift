import CognitionSearch
import Testing

@Suite struct QueryWordTests {
    /// `whole=part@offset!,…` for each word.
    private func words(_ text: String) -> String {
        TextAnalyzer.english.queryWords(text).map { word in
            let parts = word.parts.map {
                "\(String(decoding: $0.term, as: UTF8.self))@\($0.offset)\($0.isExact ? "!" : "")"
            }
            return (word.whole.map { String(decoding: $0, as: UTF8.self) + "=" } ?? "") + parts.joined(separator: ",")
        }.joined(separator: " | ")
    }

    @Test(arguments: [
        ("flying the wings", "fli@0 |  | wing@0"),
        ("3.12.1", "3.12.1=3@0!,12@1!,1@2!"),
        ("boundary-layer", "boundary-layer=boundari@0,layer@1"),
        ("PostgreSQL openOffice", "postgresql@0! | openoffic@0!"),
        ("get_userName", "get_username=get@0!,usernam@1!"),
        ("f(get_x)", "f@0,get@1!,x@2!"),
        ("C++", "c++@0!"),
        ("vitamin-a and/or", "vitamin-a=vitamin@0 | and/or@0!"),
        ("自転車 車", "自転@0,転車@1 | 車@0"),
        (" ... ", ""),
    ])
    func `A word of a query is a term, or an identifier with its parts`(_ text: String, _ expected: String) {
        #expect(words(text) == expected)
    }

    @Test func `Synonyms are found by the terms of a query, the longest first`() {
        let groups = [["car", "motor cars", "automobile"], ["motor", "engine"], ["C++", "cpp"], ["x", "the"]]
        let synonyms = Synonyms(groups, analyzer: TextAnalyzer.english)
        /// `length: variant, variant`
        func variants(_ text: String, at index: Int = 0) -> String? {
            let terms = TextAnalyzer.english.queryWords(text).flatMap(\.terms)
            guard let match = synonyms.variants(of: terms, at: index) else { return nil }
            let variants = match.variants.map { $0.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ") }
            return "\(match.length): \(variants.joined(separator: ", "))"
        }
        #expect(variants("cars") == "1: motor car, automobil")
        #expect(variants("a motor car wheel") == "2: car, automobil")
        #expect(variants("old motor", at: 1) == "1: engin")
        #expect(variants("CPP") == "1: c++")
        #expect(variants("wheel") == nil && variants("x") == nil)
        #expect(Synonyms([], analyzer: TextAnalyzer.english).isEmpty)
    }
}
