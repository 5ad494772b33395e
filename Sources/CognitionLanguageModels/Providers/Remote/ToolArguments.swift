import CognitionCore

/// Arguments of a tool call as models write them: a text that should be a JSON object, and is not always.
enum ToolArguments {
    /// - Parameter wasCut: Whether `max_tokens` ended the answer, so that asking again gives the same.
    /// - Throws: `llm.bad_answer`.
    static func call(
        id: String, name: String, arguments: String, wasCut: Bool, provider: String, usage: Completion.Usage?
    ) throws -> Completion.ToolCall {
        let parsed: JSONValue?
        do {
            parsed =
                arguments.allSatisfy(\.isWhitespace)
                ? [:] : try JSONValue(parsing: arguments, limits: JSONLimits(bytesMax: 8 << 20, depthMax: 128))
        } catch { parsed = nil }  // said below
        guard !name.isEmpty, let parsed, case .object = parsed else {
            throw LanguageModelError(
                LanguageModelError.badAnswer,
                "\(provider) called the tool '\(name.prefix(64))' with arguments that are not a JSON object"
                    + (wasCut ? ", because max_tokens cut the answer." : "."),
                advice: wasCut ? .never : nil, usage: usage)
        }
        return Completion.ToolCall(id: id, name: name, arguments: parsed)
    }
}
