import CognitionCore

/// JSON-RPC by lines, on the standard input and output of a program in the sandbox.
struct MCPStdioTransport: MCPTransport {
    private let dialogue: SandboxDialogue
    private let command: String
    private var lines: AsyncThrowingStream<[UInt8], any Error>.AsyncIterator

    init(_ dialogue: SandboxDialogue, command: String) {
        self.dialogue = dialogue
        self.command = command
        lines = dialogue.lines.makeAsyncIterator()
    }

    mutating func agree(on version: String) {}

    mutating func notify(_ notification: JSONValue) { send(notification) }

    mutating func exchange(_ request: JSONValue, id: Int64) async throws -> JSONObject {
        send(request)
        while let line = try await lines.next(isolation: #isolation) {
            // What is no JSON was not meant for us: programs greet.
            guard let value = try? JSONValue(parsing: line) else { continue }
            for message in MCPMessage.messages(in: value) {
                if MCPMessage.isAnswer(message, to: id) { return message }
                if let reply = MCPMessage.reply(to: message) { send(reply) }
            }
        }
        try Task.checkCancellation()
        let errors = dialogue.errors().trimmed(toLast: 2_000)
        throw WorkflowFault(
            .communication,
            "the MCP server \(command) ended before it answered" + (errors.isEmpty ? "" : ": \(errors)"), status: 502)
    }

    private func send(_ message: JSONValue) {
        var bytes: [UInt8] = []
        message.writeJSON(into: &bytes)
        dialogue.send(bytes)
    }
}

extension String {
    fileprivate func trimmed(toLast count: Int) -> String {
        var text = suffix(count)
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text.drop(while: \.isWhitespace))
    }
}
