import CognitionCore

/// Names of tool calls as a provider takes them: `[A-Za-z0-9_-]`, and not too long.
///
/// Conversations move between providers whose ids look different: OpenAI takes at most 40 characters, Anthropic 64. The same id always becomes the same one, so a call and its result still belong together, and nothing has to
/// be remembered. The conversation keeps its own ids, so there is no way back to go.
enum ToolCallID {
    /// - Parameter bytesMax: At least 37.
    static func onWire(_ id: String, bytesMax: Int) -> String { isFine(id, bytesMax) ? id : digest(of: id) }

    /// A name for a call that its provider left without one, or named twice.
    static func made(answer: String, index: Int) -> String { digest(of: "\(answer)/\(index)") }

    private static func isFine(_ id: String, _ bytesMax: Int) -> Bool {
        (1...bytesMax).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            }
    }

    private static func digest(of text: String) -> String {
        "call_" + SHA256Digest(of: Array(text.utf8)).description.prefix(32)
    }
}
