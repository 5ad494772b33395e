/// Why a text is not a duration.
package struct DurationError: CodedError {
    package let code: ErrorCode
    package let message: String
    package var cause: (any Error)? { nil }

    init(_ text: String, _ reason: String) {
        code = .durationInvalid
        message = "'\(text.prefix(64))' is not a duration: \(reason)"
    }
}

extension ErrorCode {
    /// A duration is malformed, longer than can be kept, or has no fixed length (years and months).
    package static let durationInvalid = ErrorCode("duration.invalid", category: .invalid)
}
