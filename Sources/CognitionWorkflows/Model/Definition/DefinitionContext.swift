package import CognitionCore
package import CognitionDocuments
import CognitionExpressions

/// What a definition may refer to outside of itself.
package struct DefinitionContext: Sendable {
    /// Functions that the server provides to `call:`, by name; `http` is always there.
    package var functions: [String: FunctionSignature]
    /// What came of fetching documents that are kept elsewhere, by their names.
    package var fetched: [String: FetchedDocument] = [:]

    /// Which processes it may run.
    package var processes: ProcessRules
    /// What is wrong with a schedule; where nothing keeps schedules, nothing.
    package var scheduleFault: @Sendable (ScheduleDefinition) -> String? = { _ in nil }

    package init(functions: [String: FunctionSignature] = [:], processes: ProcessRules = ProcessRules()) {
        self.functions = functions
        self.processes = processes
    }
}

/// What a definition needs to know of a function that the server provides.
package struct FunctionSignature: Sendable {
    /// What a repetition means, unless the task says otherwise (`metadata.effect`).
    package let effect: EffectClass
    /// Names of arguments that must be given.
    package let required: [String]
    /// The arguments that it takes, each with what a constant one must be; `nil` when any are taken.
    package let arguments: [String: JSONSchema]?

    /// A function that takes any arguments.
    package init(effect: EffectClass) {
        self.effect = effect
        required = []
        arguments = nil
    }

    /// A function whose arguments a JSON Schema describes.
    ///
    /// - Parameter schema: Of type object. Arguments are checked one by one against `properties`, whose schemas must
    ///   stand alone; arguments not listed there are refused unless `additionalProperties` is true. Other keywords but
    /// `required`
    ///   do not count.
    /// - Throws: What ``JSONSchema`` throws for one that is invalid.
    package init(effect: EffectClass, arguments schema: JSONValue) throws {
        self.effect = effect
        required = schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? []
        guard let properties = schema["properties"]?.objectValue, schema["additionalProperties"]?.boolValue != true
        else {
            arguments = nil
            return
        }
        var arguments: [String: JSONSchema] = [:]
        for (name, property) in properties {
            arguments[name] = try JSONSchema(property, patterns: RegularExpression.test)
        }
        self.arguments = arguments
    }
}
