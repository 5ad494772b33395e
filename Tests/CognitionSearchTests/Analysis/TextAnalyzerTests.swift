import CognitionCore
import CognitionSearch
import Foundation
import OrderedCollections
import Testing

@Suite struct TextAnalyzerTests {
    /// `term@position`, `!` behind those that are exact.
    private func terms(_ text: String, _ analyzer: TextAnalyzer = .english) -> String {
        var terms: [String] = []
        analyzer.analyze(text) { term in
            terms.append("\(String(decoding: term.term, as: UTF8.self))@\(term.position)\(term.isExact ? "!" : "")")
        }
        return terms.joined(separator: " ")
    }

    @Test func `Words are folded and stemmed, and stop words leave gaps`() {
        #expect(terms("The Wings of flying aeroplanes") == "wing@1 fli@3 aeroplan@4")
        #expect(terms("The Wings of flying", .simple) == "the@0 wings@1 of@2 flying@3")
        #expect(terms("IT'S the dog’s, don't") == "dog@2 don't@3")
    }

    @Test(arguments: [
        ("Éclair ÜBER ﬁne Ⅷ ｗｉｄｅ", "eclair@0 uber@1 fine@2 viii@3 wide@4"),
        ("Straße Łódź Ærø Þing", "strasse@0 lodz@1 aero@2 thing@3"),
        ("cafe\u{301} co\u{AD}op", "cafe@0 coop@1"),
        ("ΑΘΉΝΑ Москва ёж", "αθηνα@0 москва@1 еж@2"),
        ("مُحَمَّد שָׁלוֹם हिन्दी", "محمد@0 שלום@1 हिन्दी@2"),
    ])
    func `Letters lose their case and their diacritics`(_ text: String, _ expected: String) {
        #expect(terms(text, .simple) == expected)
    }

    @Test(arguments: [
        ("自転車", "自転@0 転車@1"),
        ("水 水道", "水@0 水道@1"),
        ("ｶﾞｽ か\u{3099}す", "ガス@0 がす@1"),
        ("한국어", "한국@0 국어@1"),
        ("\u{1112}\u{1161}\u{11AB}\u{1100}\u{116E}\u{11A8}", "한국@0"),
        ("Swift言語、2026年", "swift@0 言語@1 2026@2! 年@3"),
        ("ภาษา", "ภา@0 าษ@1 ษา@2"),
    ])
    func `What is written without white space is read two by two`(_ text: String, _ expected: String) {
        #expect(terms(text, .simple) == expected)
        #expect(terms(text, .english) == expected)
    }

    @Test(arguments: [
        ("libfoo-dev", "libfoo-dev@0! libfoo@0 dev@1"),
        ("3.12.1", "3.12.1@0! 3@0! 12@1! 1@2!"),
        ("in /usr/lib/x.so.", "in@0 usr/lib/x.so@1! usr@1! lib@2! x@3! so@4!"),
        ("snake_case", "snake_case@0! snake@0! case@1!"),
        ("camelCase", "camelcase@0! camel@0 case@0"),
        ("parseHTTPHeader2x APIs iPhone", "parsehttpheader2x@0! parse@0! http@0! header2x@0! apis@1 iphone@2"),
        ("<joe@example.com>", "joe@example.com@0! joe@0! example@1! com@2!"),
        ("https://a.io/b?c=1#d", "https://a.io/b?c=1#d@0! https@0! a@1! io@2! b@3! c@4! 1@5! d@6!"),
        ("C++, C# and libstdc++6", "c++@0! c#@1! and@2 libstdc++6@3! libstdc@3! 6@4!"),
        ("std::vector", "std::vector@0! std@0! vector@1!"),
        ("E0308: 0x80070005", "e0308@0! 0x80070005@1!"),
        ("1,000 a,b 3,", "1,000@0! 1@0! 000@1! a@2 b@3 3@4!"),
        ("client/server", "client/server@0! client@0 server@1"),
        ("a/b/c", "a/b/c@0! a@0! b@1! c@2!"),
        (
            "550e8400-e29b-41d4-a716-446655440000",
            "550e8400-e29b-41d4-a716-446655440000@0! 550e8400@0! e29b@1! 41d4@2! a716@3! 446655440000@4!"
        ),
    ])
    func `Identifiers are terms as a whole, and their parts are words`(_ text: String, _ expected: String) {
        #expect(terms(text, .simple) == expected)
    }

    @Test func `A term says where it stands`() {
        let text = "Über libfoo-dev’s 水道"
        var ranges: [String] = []
        TextAnalyzer.simple.analyze(text) { ranges.append(String(decoding: Array(text.utf8)[$0.range], as: UTF8.self)) }
        #expect(ranges == ["Über", "libfoo-dev’s", "libfoo", "dev’s", "水道"])
    }

    @Test func `English stems are those of Snowball`() throws {
        let place = #filePath.replacing("TextAnalyzerTests.swift", with: "Fixtures/english-stems.txt")
        let pairs = try String(contentsOfFile: place, encoding: .utf8).split(separator: "\n")
        #expect(pairs.count > 4_000)
        let analyzer = TextAnalyzer(stemmer: .english, leavesOutStopWords: false)
        for pair in pairs.map({ $0.split(separator: " ") }) {
            var stem = ""
            analyzer.analyze(String(pair[0])) { stem = String(decoding: $0.term, as: UTF8.self) }
            #expect(stem == pair[1], "of \(pair[0])")
        }
    }

    @Test(arguments: [
        ("german", "HÄUSER ha\u{308}user Haus kategorischen", "haus@0 haus@1 haus@2 kategor@3"),
        ("german", "Kaufmännischen Abenddämmerung Abgründen", "kaufmann@0 abenddammer@1 abgrund@2"),
        ("german", "libfoo-dev 3.12.1", "libfoo-dev@0! libfoo@0 dev@1 3.12.1@2! 3@2! 12@3! 1@4!"),
        ("french", "L’élève cherché, jusqu'à l'avion", "elev@0 cherch@1 a@2 avion@3"),
        ("french", "aujourd'hui continuation majestueusement", "aujourd'hui@0 continu@1 majestu@2"),
        ("spanish", "Ciudadanía ciudadanos tornillos", "ciudadan@0 ciudadan@1 tornill@2"),
        ("italian", "dell'abbandonata città", "abbandon@0 citt@1"),
        ("portuguese", "boiando quilométricas", "boi@0 quilometr@1"),
        ("dutch", "lichamelijkheden opgingen", "licham@0 opging@1"),
        ("danish", "undersøgelserne", "undersog@0"), ("norwegian", "havnemyndighetene", "havnemynd@0"),
        ("swedish", "jaktkarlarne klokare", "jaktkarl@0 klok@1"),
        ("finnish", "edeltäjien taloissa", "edeltaj@0 talo@1"),
        ("hungarian", "házakban", "haz@0"), ("russian", "ВАЖНАЯ Вернулся книгами", "важн@0 вернул@1 книг@2"),
    ])
    func `Words of other languages are stemmed with their accents, and then lose them`(
        _ name: String, _ text: String, _ expected: String
    ) throws {
        let analyzer = try #require(try Analyzers.named(AnalyzerName(name)) as? TextAnalyzer)
        #expect(terms(text, analyzer) == expected)
    }

    @Test func `A field of another language finds words in other forms`() throws {
        var settings = SearchSettings()
        settings.fields["text"] = .text(analyzer: AnalyzerName("german"))
        let index = try SearchIndex(folder: nil, settings: settings, analyzers: Analyzers.named)
        let texts = ["Die alten Häuser am Fluss", "Ein Abgrund", "Häuptlinge"]
        try index.apply(
            texts.enumerated().map { number, text in
                let document = SearchDocument(id: "\(number)", fields: ["text": .string(text)])
                return DocumentChange(sequence: Int64(number) + 1, content: .put(document))
            })
        func found(_ query: QueryNode) throws -> [String] {
            var request = SearchRequest(query)
            request.fuzziness = .auto
            return try index.snapshot().search(request).hits.map(\.id)
        }
        #expect(try found(.words(WordsQuery("HAUS"))) == ["0"])
        #expect(try found(.words(WordsQuery("abgründe"))) == ["1"])
        #expect(try found(.phrase(text: "altes Haus", fields: nil, slop: 0)) == ["0"])
        #expect(try found(.prefix(text: "häup", fields: nil)) == ["2"])
        #expect(try found(.words(WordsQuery("Abgurnd"))) == ["1"], "a misspelling")
    }

    @Test(arguments: [
        TextAnalyzer.english, .simple, TextAnalyzer(stemmer: .snowball(.french), leavesOutStopWords: false),
        TextAnalyzer(stemmer: .snowball(.russian), leavesOutStopWords: false),
    ])
    func `No bytes make anything but terms in order`(_ analyzer: TextAnalyzer) {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        let alphabet =
            Array("abcXYZ019-_./:@+#'’,é\u{301}ß漢字かﾞ한ก\u{0}\u{FEFF} \n".utf8) + [0xFF, 0xC3, 0xE3, 0xF0, 0x80]
        for _ in 0..<2_000 {
            let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in alphabet.randomElement(using: &random)!
            }
            var (position, start) = (0, 0)
            bytes.withUnsafeBytes { text in
                analyzer.analyze(text) { term in
                    #expect(
                        term.position >= position && term.range.lowerBound >= start || term.position == position,
                        "seed \(seed)")
                    #expect((1...255).contains(term.term.count), "seed \(seed)")
                    #expect(String(validating: term.term, as: UTF8.self) != nil, "seed \(seed): \(bytes)")
                    #expect(!term.range.isEmpty && term.range.upperBound <= bytes.count, "seed \(seed)")
                    (position, start) = (term.position, term.range.lowerBound)
                }
            }
        }
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: ["a", "a\u{301}", "\u{301}", "a-", "aB", "漢", "'", "a'", ":/", "é.", "\u{0}", "ﷺ"])
    func `A huge text of one kind is read in bounded time and terms`(_ unit: String) {
        let text = String(repeating: unit, count: 2_000_000 / unit.utf8.count)
        var longest = 0
        TextAnalyzer.english.analyze(text) { longest = max(longest, $0.term.count) }
        #expect(longest <= 255)
    }

    @Test func `An unknown analyzer is refused with the names of those there are`() throws {
        let error = #expect(throws: SearchError.self) { try Analyzers.named(AnalyzerName("klingon")) }
        #expect(error?.code == .searchSettingsInvalid)
        #expect(error?.message.contains("english") == true)
        #expect(try Analyzers.named(.english) is TextAnalyzer)
    }
}
