import CognitionCore
import CognitionSearch
import OrderedCollections
import Testing

@Suite struct SuggesterTests {
    private static let documents: [(id: String, text: String, roles: [String]?)] = [
        ("1", "Flying aeroplanes over the boundary layer", nil), ("2", "The aeroplane and its wings", nil),
        ("3", "An aeronaut flies a balloon", nil), ("4", "Aerosecret formulas of the boundary", ["chief"]),
        ("5", "Ærø and Café", nil),
    ]

    private func index() throws -> IndexSnapshot {
        var settings = SearchSettings()
        settings.fields["text"] = SearchField(.text)
        let index = try SearchIndex(folder: nil, settings: settings, analyzers: Analyzers.named)
        try index.apply(
            Self.documents.enumerated().map { number, document in
                let content = SearchDocument(
                    id: document.id, roles: document.roles, fields: ["text": .string(document.text)])
                return DocumentChange(sequence: Int64(number) + 1, content: .put(content))
            })
        return index.snapshot()
    }

    private func suggest(
        _ typed: String, roles: Set<String>? = [], completions: Completions = Completions(), limit: Int = 10
    ) throws -> [String] {
        let suggester = try Suggester(typed, in: index(), roles: roles, limit: limit)
        let documents = Dictionary(
            uniqueKeysWithValues: Self.documents.map { ($0.id, ["text": .string($0.text)] as JSONObject) })
        return suggester.suggestions(try suggester.candidates(), documents: documents, completions: completions).map(
            \.text)
    }

    @Test func `Words are offered as they are written, the most frequent first`() throws {
        let found = try suggest("aer")
        #expect(found == ["aeroplanes", "aeronaut", "ærø"])
        #expect(try suggest("bound") == ["boundary"])
        #expect(try suggest("CAF") == ["café"])
        #expect(try suggest("") == [] && suggest("  ") == [] && suggest("xyz") == [])
    }

    @Test func `The words before stay, and stand in the same document`() throws {
        #expect(try suggest("wings aer") == ["wings aeroplane"])
        #expect(try suggest("balloon aer") == ["balloon aeronaut"])
        #expect(try suggest("balloon ") == [])
    }

    @Test func `One wrong letter is forgiven in the last word`() throws {
        #expect(try suggest("boudna") == ["boundary"])
        #expect(try suggest("aeronuat") == ["aeronaut"])
        #expect(try suggest("bx") == [])
    }

    @Test func `Nothing shows of what the asker may not find`() throws {
        #expect(try suggest("aerosec") == [])
        #expect(try suggest("aerosec", roles: ["chief"]) == ["aerosecret"])
        #expect(try suggest("aerosec", roles: nil) == ["aerosecret"])
        let completions = Completions([.init("Aerosecret plans", roles: ["chief"]), .init("Aero club")])
        #expect(try suggest("aero", completions: completions, limit: 1) == ["Aero club"])
        #expect(try suggest("aerosecret pl", completions: completions) == [])
        #expect(try suggest("aerosecret pl", roles: ["chief"], completions: completions) == ["Aerosecret plans"])
    }

    @Test func `Names come before words, those that begin so before others, heavy ones before light ones`() throws {
        let completions = Completions([
            .init("Club of aeronauts", weight: 5), .init("Aero club", weight: 1), .init("Aerobatics", weight: 9),
        ])
        let found = try suggest("aero", completions: completions)
        #expect(found.prefix(3) == ["Aerobatics", "Aero club", "Club of aeronauts"])
        #expect(try suggest("aero cl", completions: completions).first == "Aero club")
        #expect(try suggest("aerobtic", completions: completions).first == "Aerobatics")
    }

    @Test func `A long text is refused`() {
        #expect(throws: SearchError.self) { try suggest(String(repeating: "a", count: 1_025)) }
    }

    @Test func `What may have been meant keeps all but the wrong word`() {
        #expect(
            WrittenForms.didYouMean(
                "+\"the aeroplain\" -wing*", corrections: ["aeroplain": "aeroplan"], forms: ["aeroplan": "aeroplane"])
                == "+\"the aeroplane\" -wing*")
        #expect(WrittenForms.didYouMean("wing", corrections: ["tail": "x"], forms: [:]) == nil)
        #expect(WrittenForms.didYouMean("wing", corrections: [:], forms: [:]) == nil)
    }
}
