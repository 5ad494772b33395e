package import CognitionCore

/// Why a document cannot be used as a schema.
package struct SchemaError: CodedError {
    package let code: ErrorCode
    /// What was wrong, without the place.
    package let reason: String
    /// Where in the schema.
    package let pointer: JSONPointer

    package var message: String { pointer.isRoot ? reason : "\(reason) (at \(pointer))" }
    package var cause: (any Error)? { nil }

    init(_ reason: String, at pointer: JSONPointer, code: ErrorCode = .schemaInvalid) {
        self.code = code
        self.reason = reason
        self.pointer = pointer
    }
}

extension ErrorCode {
    /// A schema is malformed, refers to nothing or to itself without end.
    package static let schemaInvalid = ErrorCode("schema.invalid", category: .invalid)
    /// A schema is written in a dialect or uses a reference that is not supported.
    package static let schemaUnsupported = ErrorCode("schema.unsupported", category: .unsupported)
}

/// One way in which a value does not fit a schema.
package struct SchemaFault: Sendable, Hashable, CustomStringConvertible {
    /// The part of the value that is wrong.
    package let instance: JSONPointer
    /// The keyword of the schema that says so.
    package let schema: JSONPointer
    /// For people; does not repeat the place.
    package let message: String

    package init(instance: JSONPointer, schema: JSONPointer, message: String) {
        self.instance = instance
        self.schema = schema
        self.message = message
    }

    package var description: String { instance.isRoot ? message : "\(instance): \(message)" }
}
