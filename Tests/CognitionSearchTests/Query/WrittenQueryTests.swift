import CognitionCore
import CognitionSearch
import OrderedCollections
import Testing

/// What people write, as an index answers it.
@Suite struct WrittenQueryTests {
    private static let documents: [(id: String, text: String, state: String, size: Int64)] = [
        ("a", "Solar wind and solar power", "open", 1), ("b", "Wind turbines on libfoo-dev 3.12.1", "open", 5),
        ("c", "Power of the sun", "closed", 9), ("d", "自転車 and OpenOffice in /usr/lib/office.so", "closed", 20),
        ("e", "Boundary-layer control", "open", 30), ("f", "The boundary of a layer", "open", 31),
    ]

    private static let settings = {
        var settings = SearchSettings()
        settings.fields = ["text": SearchField(.text), "state": SearchField(.keyword), "size": SearchField(.number)]
        settings.synonyms = [["sun", "solar"], ["windmill", "wind turbines"]]
        return settings
    }()

    private func find(_ text: String, all: Bool = false) throws -> [String] {
        let index = try SearchIndex(folder: nil, settings: Self.settings, analyzers: Analyzers.named)
        try index.apply(
            Self.documents.enumerated().map { number, document in
                let content = SearchDocument(
                    id: document.id,
                    fields: [
                        "text": .string(document.text), "state": .string(document.state),
                        "size": .integer(document.size),
                    ])
                return DocumentChange(sequence: Int64(number) + 1, content: .put(content))
            })
        var request = SearchRequest(try QueryParser.parse(text, matchesAll: all, settings: Self.settings))
        request.minimum = all ? .all : .any
        return try index.snapshot().search(request).hits.map(\.id)
    }

    @Test(arguments: [
        ("wind power", ["a", "b", "c"]), ("+wind power", ["a", "b"]), ("wind -power", ["b"]), ("wind AND power", ["a"]),
        ("turbines OR closed OR sun", ["a", "b", "c"]), ("\"solar wind\"", ["a"]), ("\"wind solar\"", []),
        ("sol*", ["a"]), ("size:>=9 state:closed", ["c", "d"]), ("size:[5 TO 9]", ["b", "c"]),
        ("-state:open", ["c", "d"]),
        ("*", ["a", "b", "c", "d", "e", "f"]), ("libfoo-dev", ["b"]), ("3.12.1", ["b"]), ("\"3.12\"", ["b"]),
        ("3.12", ["b"]), ("/usr/lib/office.so", ["d"]), ("office.so", ["d"]), ("openoffice", ["d"]),
        ("OpenOffice", ["d"]),
        ("転車", ["d"]), ("自転車", ["d"]), ("車自", []), ("boundary-layer", ["e", "f"]), ("\"boundary-layer\"", ["e"]),
        ("\"boundary layer\"", ["e"]), ("windmill", ["b"]), ("turbnies", ["b"]), ("turbnies~ -b", ["b"]),
        ("3.12.2", []),
        ("自", ["d"]),
    ])
    func `A query finds what it should`(_ text: String, _ expected: [String]) throws {
        #expect(try find(text).sorted() == expected)
    }

    @Test func `Where all words have to match, they do`() throws {
        #expect(try find("wind power", all: true) == ["a"])
        #expect(try find("boundary-layer control", all: true) == ["e"])
    }

    @Test func `What need not match counts if it does`() throws {
        #expect(try find("+wind turbines") == ["b", "a"])
        #expect(try find("+state:open control").first == "e")
    }
}
