import CognitionCore

/// Streams as the two APIs send them, from their documentation.
enum ProviderStreams {
    static func openAI(_ chunks: [String], done: Bool = true) -> String {
        chunks.map { "data: \($0)\n\n" }.joined() + (done ? "data: [DONE]\n\n" : "")
    }

    static func openAIChunk(_ delta: String, finish: String? = nil) -> String {
        """
        {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-test-2026","choices":[{"index":0,\
        "delta":\(delta),"finish_reason":\(finish.map { "\"\($0)\"" } ?? "null")}],"usage":null}
        """
    }

    static let openAIUsage = """
        {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-test-2026","choices":[],\
        "usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,\
        "prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10},\
        "completion_tokens_details":{"reasoning_tokens":8}}}
        """

    static let openAIText = openAI([
        openAIChunk(#"{"role":"assistant","content":""}"#), openAIChunk(#"{"content":"Grüße, "}"#),
        openAIChunk(#"{"content":"Welt 🌍\n"}"#), openAIChunk("{}", finish: "stop"), openAIUsage,
    ])

    static let openAITools = openAI([
        openAIChunk(
            #"{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_a","type":"function","#
                + #""function":{"name":"weather","arguments":""}}]}"#),
        openAIChunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}"#),
        openAIChunk(
            #"{"tool_calls":[{"index":1,"id":"call_b","type":"function","#
                + #""function":{"name":"time","arguments":"{}"}}]}"#),
        openAIChunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"\"Zürich\"}"}}]}"#),
        openAIChunk("{}", finish: "tool_calls"), openAIUsage,
    ])

    static func anthropic(_ events: [String]) -> String {
        events.map { event in
            let type = (try? JSONValue(parsing: event))?["type"]?.stringValue ?? ""
            return "event: \(type)\ndata: \(event)\n\n"
        }.joined()
    }

    static let anthropicStart = """
        {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",\
        "model":"claude-test-2026","content":[],"stop_reason":null,"stop_sequence":null,\
        "usage":{"input_tokens":25,"cache_creation_input_tokens":10,"cache_read_input_tokens":65,"output_tokens":1}}}
        """

    static func anthropicEnd(_ reason: String) -> [String] {
        [
            """
            {"type":"message_delta","delta":{"stop_reason":"\(reason)","stop_sequence":null},\
            "usage":{"output_tokens":20,"output_tokens_details":{"thinking_tokens":8}}}
            """,
            #"{"type":"message_stop"}"#,
        ]
    }

    static func anthropicBlock(_ index: Int, _ start: String, _ deltas: [String]) -> [String] {
        [#"{"type":"content_block_start","index":\#(index),"content_block":\#(start)}"#]
            + deltas.map { #"{"type":"content_block_delta","index":\#(index),"delta":\#($0)}"# }
            + [#"{"type":"content_block_stop","index":\#(index)}"#]
    }

    static func anthropicText(_ index: Int, _ pieces: [String]) -> [String] {
        anthropicBlock(
            index, #"{"type":"text","text":""}"#,
            pieces.map { #"{"type":"text_delta","text":\#(JSONValue.string($0).jsonText)}"# })
    }

    static let anthropicPlain = anthropic(
        [anthropicStart, #"{"type":"ping"}"#] + anthropicText(0, ["Grüße, ", "Welt 🌍\n"])
            + anthropicEnd("end_turn"))

    static let anthropicThinking = anthropic(
        [anthropicStart]
            + anthropicBlock(
                0, #"{"type":"thinking","thinking":"","signature":""}"#,
                [
                    #"{"type":"thinking_delta","thinking":"Let me "}"#,
                    #"{"type":"thinking_delta","thinking":"see."}"#, #"{"type":"signature_delta","signature":"c2ln"}"#,
                ])
            + anthropicBlock(1, #"{"type":"redacted_thinking","data":"b3BhcXVl"}"#, [])
            + anthropicText(2, ["I look."])
            + anthropicBlock(
                3, #"{"type":"tool_use","id":"toolu_1","name":"weather","input":{}}"#,
                [
                    #"{"type":"input_json_delta","partial_json":""}"#,
                    #"{"type":"input_json_delta","partial_json":"{\"city\": \"Zü"}"#,
                    #"{"type":"input_json_delta","partial_json":"rich\"}"}"#,
                ])
            + anthropicBlock(4, #"{"type":"tool_use","id":"toolu_2","name":"time","input":{}}"#, [])
            + anthropicEnd("tool_use"))
}
