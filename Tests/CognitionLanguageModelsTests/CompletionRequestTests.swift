import CognitionCore
import CognitionLanguageModels
import Testing

@Suite struct CompletionRequestTests {
    @Test("A complete request is read")
    func reads() throws {
        let request = try CompletionRequest(json: [
            "provider": "local", "model": "m", "system": "Be brief.", "temperature": 0.5, "max_tokens": 100,
            "messages": [["role": "user", "content": "Hello"], ["role": "assistant", "content": "Hi"]],
            "reasoning": ["budget_tokens": 2_000], "response_schema": ["type": "object"],
            "tools": [["name": "look_up", "description": "Looks up.", "parameters": ["type": "object"]]],
            "fallbacks": [["provider": "other", "model": .null]],
        ])
        #expect(request.provider == "local" && request.model == "m" && request.system == "Be brief.")
        #expect(request.messages.map(\.role) == [.user, .assistant])
        #expect(request.temperature == 0.5 && request.tokensMax == 100 && request.reasoning == .budget(tokens: 2_000))
        #expect(request.responseSchema == ["type": "object"])
        #expect(request.tools.map(\.name) == ["look_up"])
        #expect(request.fallbacks == [ModelReference(provider: "other")])
    }

    @Test("A prompt is one message of the user, and null is absent")
    func prompt() throws {
        let request = try CompletionRequest(json: ["prompt": "Hello", "messages": .null, "model": .null])
        #expect(request == CompletionRequest(prompt: "Hello"))
    }

    @Test(
        "Every fault is named",
        arguments: [
            (["prompt": 1], ["prompt must be a string, not number"]),
            ([:], ["exactly one of prompt and messages is needed"]),
            (
                ["prompt": "a", "messages": []],
                ["exactly one of prompt and messages is needed", "messages must not be empty"]
            ),
            (
                ["prompt": "a", "colour": "red", "temperature": 3],
                ["temperature must be a number from 0 to 2", "colour is not a known member"]
            ),
            (["prompt": "a", "max_tokens": 1.5], ["max_tokens must be a whole number"]),
            (["prompt": "a", "reasoning": ["effort": "huge"]], ["reasoning.effort must be one of low, medium, high"]),
            (["prompt": "a", "reasoning": [:]], ["reasoning.exactly one of effort and budget_tokens is needed"]),
            (
                ["messages": ["x", ["role": "robot", "content": 1, "mood": "bad"]]],
                [
                    "messages[0] must be an object, not string",
                    "messages[1].role must be one of system, user, assistant, tool",
                    "messages[1].content must be a string", "messages[1].mood is not a known member",
                ]
            ),
            (["messages": [["content": "a"]]], ["messages[0].role is missing"]),
            (["prompt": "a", "tools": [["name": "two words"]]], ["tools[0].name must be 1 to 64"]),
            (["prompt": "a", "fallbacks": [["model": "m"]]], ["fallbacks[0].provider is missing"]),
            (["prompt": "a", "response_schema": "object"], ["response_schema must be an object"]),
            ("text", ["must be an object, not string"]),
        ] as [(JSONValue, [String])])
    func faults(_ json: JSONValue, _ expected: [String]) throws {
        let error = try #require(throws: LanguageModelError.self) { try CompletionRequest(json: json) }
        #expect(error.code == LanguageModelError.requestInvalid)
        for fault in expected { #expect(error.message.contains(fault), "\(error.message)") }
    }

    @Test("Messages of parts are read and written as they were")
    func parts() throws {
        let messages: JSONValue = [
            ["role": "system", "content": "s"],
            [
                "role": "user",
                "content": [
                    ["type": "text", "text": "a"], ["type": "image", "url": "https://example.org/a.png"],
                    ["type": "image", "media_type": "image/png", "data": "iVBORw0KGgo="],
                ],
            ],
            [
                "role": "assistant",
                "content": [
                    ["type": "text", "text": "b"],
                    ["type": "tool_call", "id": "1", "name": "t", "arguments": ["x": [1, 2.50]]],
                    [
                        "type": "native", "provider": "p", "model": "m",
                        "blocks": [["type": "thinking", "z": 1, "a": 2]],
                    ],
                ],
            ],
            [
                "role": "tool",
                "content": [["type": "tool_result", "tool_call_id": "1", "content": "c", "is_error": true]],
            ],
        ]
        let request = try CompletionRequest(json: ["messages": messages])
        #expect(request.messages.map(\.text) == ["s", "a", "b", ""])
        #expect(JSONValue.array(request.messages.map(\.json)).jsonText == messages.jsonText)
    }

    @Test(
        "Faults of parts are named",
        arguments: [
            (["role": "tool", "content": "x"], "messages[0].content of role tool cannot be a string"),
            (["role": "user", "content": []], "messages[0].content must not be empty"),
            (["role": "user", "content": ["x"]], "messages[0].content[0] must be an object"),
            (["role": "user", "content": [[:]]], "messages[0].content[0].type is missing"),
            (["role": "user", "content": [["type": "video", "x": 1]]], "type must be one of text, image, native"),
            (["role": "user", "content": [["type": "text"]]], "messages[0].content[0].text is missing"),
            (
                ["role": "user", "content": [["type": "text", "text": "a", "b": 1]]],
                "content[0].b is not a known member"
            ),
            (
                ["role": "user", "content": [["type": "tool_call", "id": "1", "name": "t", "arguments": [:]]]],
                "content of role user cannot be tool_call"
            ),
            (
                ["role": "assistant", "content": [["type": "tool_call", "id": "", "name": "t", "arguments": "{}"]]],
                "arguments must be an object, not string"
            ),
            (["role": "user", "content": [["type": "image"]]], "image needs either url, or media_type and data"),
            (
                ["role": "user", "content": [["type": "image", "url": "file:///x"]]], "url must be an http or https URL"
            ),
            (["role": "user", "content": [["type": "image", "data": "AAA="]]], "media_type is missing"),
            (
                ["role": "user", "content": [["type": "image", "media_type": "image/png", "data": "A==="]]],
                "data must be base64"
            ),
            (
                ["role": "user", "content": [["type": "image", "media_type": "text/html", "data": "AAA="]]],
                "media_type must be one of image/gif"
            ),
            (
                ["role": "assistant", "content": [["type": "native", "provider": "p", "model": "m", "blocks": [1]]]],
                "blocks must be a list of objects"
            ),
        ] as [(JSONValue, String)])
    func partFaults(_ message: JSONValue, _ expected: String) throws {
        let error = try #require(throws: LanguageModelError.self) {
            try CompletionRequest(json: ["messages": [message]])
        }
        #expect(error.message.contains(expected), "\(error.message)")
    }

    @Test("Advice follows the code unless it is given")
    func advice() {
        #expect(LanguageModelError(LanguageModelError.requestInvalid, "x").advice == .never)
        #expect(LanguageModelError(LanguageModelError.rateLimited, "x").advice == .retry(after: nil))
        #expect(LanguageModelError(LanguageModelError.badAnswer, "x").advice == .retry(after: nil))
        for code in [
            LanguageModelError.unknownModel, LanguageModelError.billing, LanguageModelError.authentication,
            LanguageModelError.contextTooLong, LanguageModelError.promptTooLarge, LanguageModelError.unsupported,
        ] {
            #expect(LanguageModelError(code, "x").advice == .fallBack)
        }
        #expect(LanguageModelError(LanguageModelError.badAnswer, "x", advice: .never).advice == .never)
    }

    @Test("A completion is written as the contract says, absent members left out")
    func completionJSON() {
        let completion = Completion(
            text: "t", keywords: ["k"], finishReason: .length, provider: "p", model: "m",
            usage: .init(inputTokens: 3, outputTokens: 2), cost: Money(micros: 1_500, currency: "USD"))
        #expect(
            completion.jsonValue.jsonText == """
                {"text":"t","keywords":["k"],"finish_reason":"length","provider":"p","model":"m",\
                "usage":{"input_tokens":3,"output_tokens":2,"cached_tokens":0},"cost":{"micros":1500,"currency":"USD"},\
                "message":{"role":"assistant","content":"t"}}
                """)
    }
}

@Suite struct MoneyTests {
    @Test("Money prints exactly and adds only within a currency and its range")
    func money() {
        #expect(Money(micros: 12_500_000, currency: "USD").description == "12.5 USD")
        #expect(Money(micros: -1, currency: "EUR").description == "-0.000001 EUR")
        #expect(Money(micros: .min, currency: "EUR").description == "-9223372036854.775808 EUR")
        #expect(Money.zero("USD").adding(Money(micros: 2, currency: "USD"))?.micros == 2)
        #expect(Money.zero("USD").adding(.zero("EUR")) == nil)
        #expect(Money(micros: .max, currency: "USD").adding(Money(micros: 1, currency: "USD")) == nil)
        #expect(Money(json: ["micros": 7, "currency": "USD"]) == Money(micros: 7, currency: "USD"))
        #expect(Money(json: ["micros": 7, "currency": "usd"]) == nil)
        #expect(Money(json: ["micros": 7.5, "currency": "USD"]) == nil)
        #expect(Money(json: ["micros": 7, "currency": "USD", "more": 1]) == nil)
    }
}
