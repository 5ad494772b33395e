import CognitionCore
import CognitionLanguageModels
import Testing

@Suite struct ExtractiveProviderTests {
    private let provider = ExtractiveProvider()

    /// Written for these tests.
    private static let article = """
        # Durable queues

        A durable queue keeps every message on disk before it says that the message was taken. When the server stops in the \
        middle of its work, the queue reads the disk again and no message is lost. Dr. Lena Moser measured this for three \
        years. She drinks tea at 4.30 p.m. every day.

        ## Cost

        Writing to disk is slow, so a durable queue collects many messages and writes them to disk together. This group commit \
        makes the queue fast without losing a message. Some people call it batching!

        - A message that fails is tried again after a while.
        - A message that fails too often goes to a **dead letter** queue, see [the manual](https://example.com/dead_letters).

        ```swift
        queue.push(message) // not a sentence. Really not.
        ```
        """

    private func summarise(_ prompt: String, system: String? = nil, tokensMax: Int? = nil) async throws -> Completion {
        var request = CompletionRequest(prompt: prompt, system: system)
        request.tokensMax = tokensMax
        return try await provider.complete(request, observer: .none)
    }

    @Test("The summary is made of central sentences in their order, without marks")
    func summary() async throws {
        let completion = try await summarise(Self.article)
        #expect(completion.finishReason == .stop && completion.provider == "local" && completion.cost == .zero("USD"))
        #expect(
            completion.text.contains(
                "A durable queue keeps every message on disk before it says that the message was taken."))
        #expect(!completion.text.contains("tea"))
        for mark in ["#", "*", "`", "](", "push"] { #expect(!completion.text.contains(mark)) }
        let sentences = completion.text.split(separator: ". ").count
        #expect(sentences == 3, "\(completion.text)")
        #expect(completion.usage.outputTokens == (completion.text.utf8.count + 3) / 4)
        #expect(completion.usage.inputTokens == (Self.article.utf8.count + 3) / 4)
    }

    @Test("Keywords name the subject")
    func keywords() async throws {
        let keywords = try #require(try await summarise(Self.article).keywords)
        #expect((3...10).contains(keywords.count))
        #expect(keywords.prefix(4).contains { $0.contains("durable queue") }, "\(keywords)")
        #expect(keywords.contains { $0.contains("message") })
        #expect(!keywords.contains { ["the", "every", "it"].contains($0) })
    }

    @Test("The same request gives the same answer")
    func deterministic() async throws {
        let text = (0..<300).map {
            "Item \($0 % 37) of the list \($0 % 11) mentions topic \($0 % 17) and subject \($0 % 23) again."
        }
        .joined(separator: " ")
        let first = try await summarise(text)
        for _ in 0..<5 { #expect(try await summarise(text) == first) }
    }

    @Test(
        "The number of sentences is read from the instruction",
        arguments: [
            ("Summarise in two sentences.\n---\n", 2), ("Give me a one-sentence summary:\n", 1),
            ("Write 4 sentences\n---\n", 4),
            ("Fasse in 2 Sätzen zusammen:\n\n", 2), ("Summarise.\n---\n", 3), ("In ten sentences\n---\n", 5),
            ("In 999 sentences\n---\n", 3),
        ])
    func counts(_ instruction: String, _ expected: Int) async throws {
        let document = "Apples are red. Pears are green. Plums are blue. Lemons are yellow. Figs are brown."
        let text = try await summarise(instruction + document).text
        #expect(text.split(separator: ".").count == expected, "\(text)")
        #expect(!text.contains("entence") && !text.contains("Fasse"))
    }

    @Test("The document is found behind a rule, in a last fence, or is everything")
    func documents() async throws {
        #expect(try await summarise("Summarise.\n\n---\n\nThe sky is blue.").text == "The sky is blue.")
        #expect(try await summarise("Summarise.\n```text\nThe sky is blue.\n```\n").text == "The sky is blue.")
        #expect(try await summarise("The sky is blue.").text == "The sky is blue.")
        #expect(try await summarise("---\ntitle: Sky\n---\nThe sky is blue.").text == "The sky is blue.")
        #expect(try await summarise("A. First.\n", system: "one sentence").text.isEmpty == false)
        #expect(try await summarise("# Only a heading").text == "Only a heading")
    }

    @Test("The system text sets the number of sentences and nothing else")
    func system() async throws {
        let text = try await summarise(
            "Apples are red. Pears are green. Plums are blue.", system: "Answer in one sentence, in rhyme."
        ).text
        #expect(text.split(separator: ".").count == 1)
    }

    @Test("max_tokens cuts whole sentences, then words, and says so")
    func length() async throws {
        let whole = try await summarise(Self.article)
        let cut = try await summarise(Self.article, tokensMax: whole.usage.outputTokens - 1)
        #expect(cut.finishReason == .length && cut.text.utf8.count < whole.text.utf8.count)
        #expect(cut.text.hasSuffix("."))
        let tiny = try await summarise(Self.article, tokensMax: 4)
        #expect(tiny.finishReason == .length && (1...16).contains(tiny.text.utf8.count))
    }

    @Test("No text gives an empty answer", arguments: ["", " \n\n ", "---", "```\n```", "| a | b |", "![x](y)"])
    func empty(_ prompt: String) async throws {
        let completion = try await summarise(prompt)
        #expect(completion.text == "" && completion.finishReason == .stop && completion.keywords == [])
    }

    @Test("Abbreviations, initials, decimals and quotes do not break sentences")
    func sentences() async throws {
        let text =
            "Mr. J. Smith paid 3.50 dollars, i.e. too much. \"Why?\" he asked. See Fig. 3 for more… The U.S. Senate was closed!"
        let completion = try await summarise("ten sentences\n---\n" + text)
        #expect(completion.text == text)
        let one = try await summarise("one sentence\n---\nMr. J. Smith met Dr. A. Jones in St. Ives. ")
        #expect(one.text == "Mr. J. Smith met Dr. A. Jones in St. Ives.")
    }

    @Test("Text without spaces is split, ranked and joined without spaces")
    func chinese() async throws {
        let text = """
            自然语言处理是人工智能的一个方向。自然语言处理研究人与计算机之间的通信。今天的天气很好。\
            自然语言处理需要计算机科学和语言学！我喜欢喝茶。
            """
        let completion = try await summarise("two sentences\n---\n" + text)
        #expect(completion.text.filter { "。！".contains($0) }.count == 2, "\(completion.text)")
        #expect(completion.text.contains("自然语言处理") && !completion.text.contains("茶") && !completion.text.contains(" "))
        #expect(completion.keywords?.first?.contains("语言") == true, "\(completion.keywords ?? [])")
        let japanese = try await summarise("one sentence\n---\n東京は日本の首都です。東京タワーは東京にあります。私は猫が好きです。")
        #expect(japanese.text.contains("東京"))
    }

    @Test(
        "Other scripts and languages work",
        arguments: [
            ("Очередь хранит сообщения на диске. Сообщения на диске не теряются. Кошка спит.", "Кошка"),
            ("La cola guarda los mensajes en el disco. Los mensajes del disco no se pierden. El gato duerme.", "gato"),
            (
                "Die Warteschlange speichert Nachrichten auf der Platte. Die Nachrichten auf der Platte bleiben. Eine Katze schläft.",
                "Katze"
            ),
            ("कतार संदेश डिस्क पर रखती है। संदेश डिस्क पर सुरक्षित रहते हैं। बिल्ली सोती थी।", "बिल्ली"),
        ])
    func languages(_ text: String, _ leftOut: String) async throws {
        let completion = try await summarise("two sentences\n---\n" + text)
        #expect(!completion.text.isEmpty && !completion.text.contains(leftOut), "\(completion.text)")
    }

    @Test("What it cannot do is refused with a reason")
    func refusals() async throws {
        var request = CompletionRequest(prompt: "x")
        request.responseSchema = ["type": "object"]
        request.tools = try CompletionRequest(json: ["prompt": "x", "tools": [["name": "t"]]]).tools
        var error = await #expect(throws: LanguageModelError.self) {
            try await provider.complete(request, observer: .none)
        }
        #expect(error?.code == LanguageModelError.unsupported)
        #expect(error?.message.contains("tools and response_schema") == true)
        request = CompletionRequest(prompt: "x")
        request.model = "big"
        error = await #expect(throws: LanguageModelError.self) { try await provider.complete(request, observer: .none) }
        #expect(error?.code == LanguageModelError.unknownModel)
        let huge = CompletionRequest(prompt: String(repeating: "x", count: ExtractiveProvider.promptBytesMax + 1))
        error = await #expect(throws: LanguageModelError.self) { try await provider.complete(huge, observer: .none) }
        #expect(error?.code == LanguageModelError.promptTooLarge)
    }

    @Test(
        "Hostile shapes end, and end quickly",
        arguments: [
            String(repeating: "[", count: 100_000), String(repeating: "<a", count: 50_000),
            String(repeating: "*_", count: 50_000),
            String(repeating: "a", count: 200_000), String(repeating: ". ", count: 100_000),
            String(repeating: "a\u{301}", count: 50_000),
            String(repeating: "the same words again and again\n\n", count: 5_000),
            String(repeating: "\\", count: 100_000),
            String(repeating: "[a](", count: 30_000),
        ])
    func hostile(_ text: String) async throws {
        let started = ContinuousClock.now
        let completion = try await summarise(text)
        #expect(completion.text.utf8.count <= text.utf8.count)
        #expect(ContinuousClock.now - started < .seconds(20))
    }

    @Test("A megabyte is summarised within bounds")
    func megabyte() async throws {
        let text = Self.prose(bytes: 1 << 20)
        let started = ContinuousClock.now
        let completion = try await summarise(text)
        let took = ContinuousClock.now - started
        #expect(completion.text.split(separator: ".").count == 3)
        #expect(took < .seconds(20), "\(took)")
    }

    @Test("Cancellation ends the work")
    func cancellation() async throws {
        let text = Self.prose(bytes: 1 << 20)
        let task = Task { try await summarise(text) }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }

    /// Sentences of 6 to 20 words from a vocabulary of 3,000, frequent ones more often, always the same.
    private static func prose(bytes: Int) -> String {
        var state: UInt64 = 42
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var text = ""
        while text.utf8.count < bytes {
            for place in 0..<(6 + next(15)) {
                let rank = next(next(3_000) + 1)
                text += place == 0 ? "Word\(rank)" : rank % 7 == 0 ? " the" : " word\(rank)"
            }
            text += next(5) == 0 ? ".\n\n" : ". "
        }
        return text
    }
}
