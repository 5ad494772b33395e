package import CognitionCore

/// Everything that is wrong with a definition.
package struct DefinitionError: CodedError {
    /// In the order of their positions; at least one and at most ``faultsMax``.
    package let faults: [DefinitionFault]
    /// How many more there are.
    package let faultsLeftOut: Int
    /// Documents kept elsewhere that were not fetched; the only faults then.
    let missing: MissingDocuments?

    package static let faultsMax = 100

    package var code: ErrorCode { .definitionInvalid }
    package var cause: (any Error)? { nil }

    /// The first faults, one per line.
    package var message: String {
        let shown = faults.prefix(10)
        let rest = faults.count - shown.count + faultsLeftOut
        let count = faults.count + faultsLeftOut
        return
            (["the definition has \(count == 1 ? "a fault" : "\(count) faults"):"] + shown.map(\.description)
            + (rest > 0 ? ["and \(rest) more"] : [])).joined(separator: "\n")
    }

    init(_ faults: [DefinitionFault], missing: MissingDocuments? = nil) {
        self.missing = missing
        self.faults = Array(faults.prefix(DefinitionError.faultsMax))
        faultsLeftOut = max(0, faults.count - DefinitionError.faultsMax)
    }
}

/// One thing that is wrong with a definition, and where.
package struct DefinitionFault: Sendable, Hashable, CustomStringConvertible {
    /// JSON pointer into the document; empty for the document itself.
    package let pointer: String
    /// Counted from 1; `nil` when the definition was not read from text.
    package let line: Int?
    /// Unicode code points since the start of the line, counted from 1.
    package let column: Int?
    /// For people: what is wrong and what to do.
    package let message: String

    package var description: String {
        let place = pointer.isEmpty ? "the document" : pointer
        guard let line, let column else { return "\(place): \(message)" }
        return "line \(line), column \(column), \(place): \(message)"
    }
}

/// What a definition without faults refers to, and nobody has fetched.
struct MissingDocuments: Sendable {
    /// At least one, sorted by name.
    let documents: [ExternalDocument]
    /// The definition that refers to them.
    let id: WorkflowID
    let hash: SHA256Digest
}

extension DefinitionError {
    /// `{valid: false, faults: […]}`, and `faults_left_out` when there are more than ``faultsMax``.
    package var json: JSONValue {
        var members: JSONObject = ["valid": false, "faults": .array(faults.map(\.json))]
        if faultsLeftOut > 0 { members["faults_left_out"] = .integer(Int64(faultsLeftOut)) }
        return .object(members)
    }
}

extension DefinitionFault {
    /// `{pointer, message, line?, column?}`.
    package var json: JSONValue {
        var members: JSONObject = ["pointer": .string(pointer), "message": .string(message)]
        if let line { members["line"] = .integer(Int64(line)) }
        if let column { members["column"] = .integer(Int64(column)) }
        return .object(members)
    }
}

extension ErrorCode {
    /// A workflow definition has faults; each is named with its place.
    package static let definitionInvalid = ErrorCode("workflow.definition_invalid", category: .invalid)
}
