package import CognitionCore

/// A script or a shell command of a task, with everything evaluated.
package struct ProcessRequest: Sendable {
    package enum Program: Sendable {
        case script(RunProcessDefinition.Language, code: String)
        case fetched(RunProcessDefinition.Language, HTTPCallRequest)
        case shell(String)
    }

    package var program: Program
    package var arguments: ProcessArguments
    package var input: String
    package var environment: [(name: String, value: String)]
    package var await: Bool
    package var output: RunProcessDefinition.Output
    package var usesNetwork: Bool
}

package enum ProcessArguments: Sendable {
    case list([String])
    case named(JSONObject)
}

extension RunProcessDefinition {
    /// - Throws: What an expression throws; an expression error for a value that its place cannot use.
    func request(_ input: JSONValue, scope: ExpressionScope) throws -> ProcessRequest {
        let program: ProcessRequest.Program =
            switch self.program {
            case .script(let language, let code):
                .script(language, code: try Self.text(code, "run.script.code", input, scope))
            case .fetched(let language, let call): .fetched(language, try call.request(input, scope: scope))
            case .shell(let command): .shell(try Self.text(command, "run.shell.command", input, scope))
            }
        return ProcessRequest(
            program: program, arguments: try ProcessArguments(arguments, input, scope: scope),
            input: try self.input?.evaluate(input, scope: scope).processText ?? "",
            environment: try [(name: String, value: String)](environment: environment, input, scope: scope),
            await: self.await, output: output, usesNetwork: usesNetwork)
    }

    private static func text(
        _ template: Template, _ what: String, _ input: JSONValue, _ scope: ExpressionScope
    ) throws -> String {
        guard let text = try template.evaluate(input, scope: scope).stringValue else {
            throw WorkflowFault(.expression, "\(what) does not give a string")
        }
        return text
    }
}

extension ProcessArguments {
    init(_ template: Template?, _ input: JSONValue, scope: ExpressionScope) throws {
        switch try template?.evaluate(input, scope: scope) ?? .null {
        case .null: self = .list([])
        case .array(let words): self = .list(words.map(\.processText))
        case .object(let members): self = .named(members)
        default: throw WorkflowFault(.expression, "'arguments' does not give a list or an object")
        }
    }

    /// As words of a command line; named ones are `name=value`, and `name` alone without a value.
    var words: [String] {
        switch self {
        case .list(let words): words
        case .named(let members): members.map { $1.isNull ? $0 : "\($0)=\($1.processText)" }
        }
    }
}

extension [(name: String, value: String)] {
    /// The members of an object; those that are null are left out.
    init(environment template: Template?, _ input: JSONValue, scope: ExpressionScope) throws {
        switch try template?.evaluate(input, scope: scope) ?? .null {
        case .null: self = []
        case .object(let members): self = members.compactMap { $1.isNull ? nil : ($0, $1.processText) }
        default: throw WorkflowFault(.expression, "'environment' does not give an object")
        }
    }
}

extension JSONValue {
    /// A value as a process is given it: text as it is, nothing for null, everything else as JSON.
    fileprivate var processText: String {
        switch self {
        case .null: ""
        case .string(let text): text
        default: jsonText
        }
    }
}
