import CognitionCore
import CognitionExpressions
import Foundation
import Testing

/// jq itself, behind a Python script, as the judge of what expressions mean.
enum JQPeer {
    struct Request {
        let expression: String
        let input: JSONValue
        var variables: [String: JSONValue] = [:]
        /// Whether only that there is an error is compared, not its text.
        var isLoose = false

        var json: JSONValue {
            .object([
                "e": .string(expression), "i": input, "v": .object(JSONObject(variables.map { ($0.key, $0.value) })),
            ])
        }
    }

    enum Answer: Equatable, CustomStringConvertible {
        case invalid
        /// jq does not come to an end.
        case endless
        case outputs([JSONValue], error: JSONValue?)

        var description: String {
            switch self {
            case .invalid: "does not compile"
            case .endless: "does not end"
            case .outputs(let values, let error):
                values.map(\.jsonText).joined(separator: " ") + (error.map { " ERROR " + $0.jsonText } ?? "")
            }
        }
    }

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    static let isSkipped = ProcessInfo.processInfo.environment["COGNITIONOS_TEST_WITHOUT_JQ"] != nil

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    /// The hand-written cases.
    static func corpus() throws -> [Request] {
        let files = try FileManager.default.contentsOfDirectory(
            at: folder.appending(path: "Corpus"), includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "jsonl" }.sorted { $0.path < $1.path }.flatMap { file in
            try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map { line in
                let value = try JSONValue(parsing: String(line))
                let variables = value["v"]?.objectValue.map {
                    Dictionary(uniqueKeysWithValues: $0.map { ($0.key, $0.value) })
                }
                return Request(
                    expression: value["e"]?.stringValue ?? "", input: value["i"] ?? .null, variables: variables ?? [:],
                    isLoose: value["loose"] == true)
            }
        }
    }

    /// jq's answers, in the order of the requests.
    static func ask(_ requests: [Request]) throws -> [Answer] {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "jq-peer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        let (asked, answered) = (scratch.appending(path: "requests"), scratch.appending(path: "answers"))
        try requests.map(\.json.jsonText).joined(separator: "\n").write(to: asked, atomically: true, encoding: .utf8)
        try Data().write(to: answered)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        let python = ProcessInfo.processInfo.environment["COGNITIONOS_PEER_PYTHON"] ?? "python3"
        process.arguments = [python, folder.appending(path: "Peer/jq_peer.py").path, asked.path]
        // Local time is UTC in expressions.
        process.environment = ProcessInfo.processInfo.environment.merging(["TZ": "UTC"]) { $1 }
        process.standardOutput = try FileHandle(forWritingTo: answered)
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Missing(
                description: "jq is needed to compare with: install python3 and `pip install jq`, "
                    + "or set COGNITIONOS_TEST_WITHOUT_JQ to skip.")
        }
        return try String(contentsOf: answered, encoding: .utf8).split(separator: "\n").map { line in
            let value = try JSONValue(parsing: String(line))
            if value["endless"] != nil { return .endless }
            guard let outputs = value["outputs"]?.arrayValue else { return .invalid }
            return .outputs(
                try outputs.map { try JSONValue(parsing: $0.stringValue ?? "") }, error: value["error"].map(Self.error))
        }
    }

    /// The error as a value: Python shows values that are not strings as JSON.
    private static func error(_ shown: JSONValue) -> JSONValue {
        shown.stringValue.flatMap { text in
            text.first.map { "{[".contains($0) } == true ? try? JSONValue(parsing: text) : nil
        }
            ?? shown
    }

    /// Our own answer.
    static func ours(_ request: Request) -> Answer {
        let names = request.variables.keys.sorted()
        let values = names.map { request.variables[$0] ?? .null }
        do throws(ExpressionError) {
            let expression = try Expression(request.expression, variables: names)
            // `evaluate` gives all outputs or an error; those before the error are found by catching it.
            let wrapped = try Expression("try (\(request.expression)\n) catch {\"\u{1}error\": .}", variables: names)
            var outputs = try wrapped.evaluate(request.input, values)
            do throws(ExpressionError) {
                return .outputs(try expression.evaluate(request.input, values).map(normal), error: nil)
            } catch {
                guard error.code == .expressionFailed else { return .outputs([], error: .string(error.message)) }
                outputs.removeLast()
                return .outputs(outputs.map(normal), error: Self.error(shown(error.value)))
            }
        } catch {
            return error.code == .expressionInvalid ? .invalid : .outputs([], error: .string(error.message))
        }
    }

    private static func shown(_ value: JSONValue) -> JSONValue {
        if case .string = value { value } else { .string(value.jsonText) }
    }

    /// Through text, as the peer's outputs come.
    private static func normal(_ value: JSONValue) -> JSONValue { (try? JSONValue(parsing: value.jsonText)) ?? value }

    static func agree(_ ours: Answer, _ theirs: Answer, isLoose: Bool) -> Bool {
        switch (ours, theirs) {
        case (_, .endless): true
        case (.outputs(let a, let left), .outputs(let b, let right)) where isLoose:
            a == b && (left == nil) == (right == nil)
        default: ours == theirs
        }
    }
}
