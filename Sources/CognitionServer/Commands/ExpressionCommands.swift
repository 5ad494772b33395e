import ArgumentParser
import CognitionCore
import CognitionExpressions
import Foundation

struct ExpressionCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expression", abstract: "Works with expressions of workflows (the jq language).",
        subcommands: [Eval.self])

    struct Eval: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Evaluates an expression on a JSON value.",
            discussion: """
                The input is --input, else what comes on standard input, else null. Each result is printed on a line of its own.

                With --batch, every line of standard input is answered by a line: {"results": […]} or {"error": {…}}. A line \
                is an input of the expression, or without one {"expression": …, "input": …, "variables": {…}}.
                """)

        @Argument(help: "The expression, e.g. '.items | length'.") var expression: String?
        @Option(help: "The input as JSON, or @FILE.") var input: String?
        @Option(name: .customLong("arg"), help: "A variable: NAME=JSON. May be repeated.") var variables: [String] = []
        @Flag(help: "Answers every line of standard input.") var batch = false
        @Flag(help: "Prints strings as they are, without quotes.") var raw = false

        func validate() throws {
            guard batch || expression != nil else {
                throw ValidationError("Give an expression, or --batch.")
            }
            guard !batch || input == nil else {
                throw ValidationError("With --batch the inputs come on standard input.")
            }
        }

        func run() async throws {
            try await reporting {
                let bindings = try variables.map { try InputValue.pair($0) }
                let compiled = try expression.map {
                    try CognitionExpressions.Expression($0, variables: bindings.map(\.name))
                }
                let values = bindings.map(\.value)
                if batch { return try answerLines(with: compiled, values) }
                let results = try compiled?.evaluate(try inputValue(), values) ?? []
                for result in results {
                    Terminal.write(raw ? result.stringValue ?? result.jsonText : result.jsonText)
                }
            }
        }

        private func inputValue() throws -> JSONValue {
            if let input { return try InputValue.json(input) }
            guard isatty(STDIN_FILENO) == 0 else { return .null }
            let bytes = try BoundedFile.bytes(of: "-", max: BoundedFile.valueBytesMax)
            return bytes.allSatisfy { $0 <= 0x20 } ? .null : try JSONValue(parsing: bytes)
        }

        private func answerLines(with compiled: CognitionExpressions.Expression?, _ values: [JSONValue]) throws {
            let cache = ExpressionCache()
            var lines = BoundedLines(descriptor: STDIN_FILENO, bytesMax: BoundedFile.valueBytesMax)
            while let line = try lines.next() {
                guard let line else {
                    let reason = "a line is at most \(BoundedFile.valueBytesMax >> 20) MiB long"
                    Terminal.write(Self.error("usage", reason).jsonText)
                    continue
                }
                let answer = Self.answer {
                    let value = try JSONValue(parsing: line)
                    if let compiled { return try compiled.evaluate(value, values) }
                    return try Self.evaluate(value, cache)
                }
                Terminal.write(answer.jsonText)
            }
        }

        /// The results of a line that brings its own expression.
        private static func evaluate(_ request: JSONValue, _ cache: ExpressionCache) throws -> [JSONValue] {
            guard let source = request["expression"]?.stringValue else {
                throw CommandFailure("a line has a member \"expression\"")
            }
            let variables = request["variables"]?.objectValue ?? [:]
            let compiled = try cache.expression(source, variables: variables.keys)
            return try compiled.evaluate(request["input"] ?? .null, variables.values)
        }

        private static func answer(_ results: () throws -> [JSONValue]) -> JSONValue {
            do {
                return ["results": .array(try results())]
            } catch let error as any CodedError {
                return Self.error(error.code.name, error.message)
            } catch {
                return Self.error("usage", "\(error)")
            }
        }

        private static func error(_ code: String, _ message: String) -> JSONValue {
            ["error": ["code": .string(code), "message": .string(message)]]
        }
    }
}

/// Values given on the command line.
enum InputValue {
    /// JSON as text, or the content of `@FILE`.
    static func json(_ text: String) throws -> JSONValue {
        guard text.hasPrefix("@") else { return try JSONValue(parsing: text) }
        return try JSONValue(
            parsing: try BoundedFile.bytes(of: String(text.dropFirst()), max: BoundedFile.valueBytesMax))
    }

    /// `NAME=VALUE`, where a value that is no JSON is a string, and `@FILE` is what the file holds.
    static func pair(_ text: String) throws -> (name: String, value: JSONValue) {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw CommandFailure("\(text) is not NAME=VALUE")
        }
        let value = String(text[text.index(after: equals)...])
        return (String(text[..<equals]), value.hasPrefix("@") ? try json(value) : (try? json(value)) ?? .string(value))
    }

    /// The input of an execution from its options: one JSON document (`@FILE` or text), or pairs.
    static func input(_ options: [String]) throws -> JSONValue {
        if options.count == 1, let only = options.first,
            only.hasPrefix("@") || only.hasPrefix("{") || only.hasPrefix("[")
        {
            return try json(only)
        }
        return .object(JSONObject(try options.map { try pair($0) }.map { ($0.name, $0.value) }))
    }
}
