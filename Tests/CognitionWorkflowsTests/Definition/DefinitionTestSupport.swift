import CognitionCore
import CognitionWorkflows
import Foundation
import Testing

/// Values of variables for expressions.
struct TestScope: VariableScope {
    var values: [String: JSONValue] = [:]

    func value(of variable: String) -> JSONValue { values[variable] ?? .null }
}

extension DefinitionContext {
    /// `llm` with checked arguments, and `echo`, which takes anything.
    static var test: DefinitionContext {
        get throws {
            let llm: JSONValue = [
                "type": "object",
                "properties": [
                    "prompt": ["type": "string"], "model": ["type": "string", "minLength": 1],
                    "max_tokens": ["type": "integer", "minimum": 1],
                ],
                "required": ["prompt"],
            ]
            return DefinitionContext(
                functions: [
                    "llm": try FunctionSignature(effect: .idempotent, arguments: llm),
                    "echo": FunctionSignature(effect: .pure),
                ], processes: ProcessRules(allowsShell: true))
        }
    }
}

/// A definition in YAML with a head of one line; `body` begins in line 2.
func document(_ body: String) -> String {
    "document: {dsl: 1.0.3, namespace: test, name: sample, version: 0.1.0}\n" + body
}

func read(_ body: String) throws -> WorkflowDefinition {
    try WorkflowDefinition(reading: document(body), format: .yaml, context: .test)
}

/// What is wrong with a text; empty when nothing is.
func faults(in text: String, format: DefinitionFormat = .yaml) throws -> [DefinitionFault] {
    let context = try DefinitionContext.test
    do throws(DefinitionError) {
        _ = try WorkflowDefinition(reading: text, format: format, context: context)
        return []
    } catch {
        return error.faults
    }
}

/// A definition was read, but holds something else than was written.
struct NotAsWritten: Error {
    let what: String
}

/// Files of the standard that lie beside the repository.
enum SharedData {
    struct Missing: Error, CustomStringConvertible {
        let path: String
        var description: String {
            "\(path) is missing; put the standard's files there, or name their folder in COGNITIONOS_SHARED_DATA"
        }
    }

    static func folder(_ name: String) throws -> URL {
        let environment = ProcessInfo.processInfo.environment["COGNITIONOS_SHARED_DATA"]
        let root =
            environment.map { URL(filePath: $0) }
            ?? URL(filePath: #filePath).appending(path: "../../../../../shared/data").standardizedFileURL
        let folder = root.appending(path: name)
        guard FileManager.default.fileExists(atPath: folder.path) else { throw Missing(path: folder.path) }
        return folder
    }

    /// Names of the files of a folder with an ending, sorted.
    static func files(in folder: URL, ending: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(ending) }.sorted()
    }

    static func text(_ folder: URL, _ file: String) throws -> String {
        try String(contentsOf: folder.appending(path: file), encoding: .utf8)
    }
}
