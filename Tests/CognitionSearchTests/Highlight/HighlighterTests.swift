import CognitionCore
import CognitionSearch
import OrderedCollections
import Testing

@Suite struct HighlighterTests {
    private func snippets(
        _ text: String, _ terms: [String: Double], length: Int = 60, count: Int = 1, before: String = "[",
        after: String = "]"
    ) -> [String] {
        var options = Highlighter.Options()
        (options.length, options.count, options.before, options.after) = (length, count, before, after)
        return Highlighter(terms, analyzer: TextAnalyzer.english, options: options).snippets(of: text)
    }

    @Test func `What the index matched is marked, as it is written`() {
        #expect(snippets("Wings are made for flying.", ["wing": 1, "fli": 1]) == ["[Wings] are made for [flying]."])

        #expect(
            snippets("Das Café, libfoo-dev und 自転車", ["cafe": 1, "libfoo": 1, "dev": 1, "転車": 1]) == [
                "Das [Café], [libfoo]-[dev] und 自[転車]"
            ])
        #expect(snippets("libfoo-dev", ["libfoo-dev": 1, "dev": 1]) == ["[libfoo-dev]"])
        #expect(snippets("Nothing here", ["wing": 1]) == [])
        #expect(snippets("", ["wing": 1]) == [])
    }

    @Test func `A text is escaped before it is marked`() {
        #expect(
            snippets(
                #"<script>"wing" & 'x'</script>"#, ["wing": 1, "script": 1], length: 100, before: "<b class=\"x\">",
                after: "</b>")
                == [
                    #"&lt;<b class="x">script</b>&gt;&quot;<b class="x">wing</b>&quot; &amp; &#39;x&#39;&lt;/<b class="x">script</b>&gt;"#
                ])
        #expect(snippets("a\u{0}\u{1B}[31m wing \n\t x", ["wing": 1]) == ["a[31m [wing] x"])
    }

    @Test func `The window with most distinct words wins, then the rarer, then the nearer, then the first`() {
        let filler = String(repeating: "lorem ipsum dolor sit amet ", count: 8)
        let many = "wing wing wing \(filler) wing and tail \(filler) tail"
        #expect(snippets(many, ["wing": 1, "tail": 1])[0].contains("[wing] and [tail]"))
        let rare = "wing \(filler) tail \(filler)"
        #expect(snippets(rare, ["wing": 1, "tail": 3])[0].contains("[tail]"))
        let near = "wing dolor sit amet lorem tail \(filler) wing tail \(filler)"
        #expect(snippets(near, ["wing": 1, "tail": 1])[0].contains("[wing] [tail]"))
        let first = "wing one \(filler) wing two"
        #expect(snippets(first, ["wing": 1])[0].contains("[wing] one"))
    }

    @Test func `Several snippets do not overlap and come in the order of the text`() {
        let filler = String(repeating: "lorem ipsum dolor sit amet ", count: 8)
        let text = "one wing \(filler) two wing tail \(filler) three wing"
        let found = snippets(text, ["wing": 1, "tail": 1], count: 3)
        #expect(found.count == 3)
        #expect(
            found[0].contains("one [wing]") && found[1].contains("two [wing] [tail]")
                && found[2].contains("three [wing]"))
        #expect(found[0].hasSuffix("…") && found[1].hasPrefix("…") && !found[2].hasSuffix("…"))
    }

    @Test func `A snippet ends between words and has about the length that was asked`() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        let pieces = ["wing", "tail", "lorem", "ü", "漢字", "e\u{301}", "<", "&", " ", " ", " ", "\n", "-", "😀"]
        for _ in 0..<2_000 {
            let text = (0..<Int.random(in: 0...80, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            let length = Int.random(in: 0...60, using: &random)
            let found = snippets(
                text, ["wing": 1, "tail": 2, "漢字": 1], length: length, count: Int.random(in: 1...4, using: &random))
            for snippet in found {
                #expect(snippet.contains("["), "seed \(seed): \(text)")
                #expect(!snippet.unicodeScalars.contains("\u{FFFD}"), "seed \(seed): \(text) → \(snippet)")
                let plain = snippet.replacing("[", with: "").replacing("]", with: "").replacing("&lt;", with: "<")
                    .replacing("&amp;", with: "&")
                #expect(length == 0 || plain.utf8.count <= length + 64, "seed \(seed): \(length) \(plain.utf8.count)")
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A huge text is looked at as far as the bound`() {
        let text = String(repeating: "wing ", count: 2_000_000)
        #expect(snippets(text, ["wing": 1], count: 10).count <= 10)
        #expect(snippets(text, ["wing": 1], length: 0)[0].utf8.count < 4 * Highlighter.textBytesMax)
    }

    @Test func `Fields of a document are shown as the search matched them`() throws {
        var settings = SearchSettings()
        settings.fields["title"] = SearchField(.text)
        settings.fields["tags"] = SearchField(.keyword)
        let terms: [String: Set<String>] = ["title": ["wing"], "tags": ["big one"], "gone": ["x"]]
        let fields: JSONObject = ["title": ["no match", "Wings & tails"], "tags": ["small", "big one"]]
        #expect(
            Highlighter.highlights(of: fields, terms: terms, settings: settings)
                == ["title": ["<mark>Wings</mark> &amp; tails"], "tags": ["<mark>big one</mark>"]])
        let options = try Highlighter.Options.reading(["fields": ["title"], "before": "*", "after": "*"])
        #expect(
            Highlighter.highlights(of: fields, terms: terms, settings: settings, options: options!) == [
                "title": ["*Wings* &amp; tails"]
            ])
        #expect(try Highlighter.Options.reading(false) == nil)
        #expect(throws: SearchError.self) { try Highlighter.Options.reading(["length": 100_000]) }
    }
}
