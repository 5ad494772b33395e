/// What a reader of JSON texts takes before it refuses.
package struct JSONLimits: Sendable, Hashable {
    /// Bytes of the whole text; at least 1.
    package var bytesMax: Int
    /// Arrays and objects inside one another; 1...10,000.
    ///
    /// The reader itself needs no stack, but whatever walks the value later may: raise this only for readers that do
    /// not.
    package var depthMax: Int
    /// Whether two members of one object may have the same name; the last one wins then, as in jq.
    package var allowsRepeatedNames: Bool

    package init(bytesMax: Int = 128 << 20, depthMax: Int = 512, allowsRepeatedNames: Bool = true) {
        self.bytesMax = bytesMax
        self.depthMax = depthMax
        self.allowsRepeatedNames = allowsRepeatedNames
    }

    /// 128 MiB and 512 levels; repeated names are allowed.
    package static let standard = JSONLimits()
}

/// Why a text is not a JSON document, and where.
package struct JSONParsingError: CodedError {
    package let code: ErrorCode
    /// What was wrong, without the place.
    package let reason: String
    /// Counted from 1.
    package let line: Int
    /// Unicode code points since the start of the line, counted from 1.
    package let column: Int
    /// Bytes before the place.
    package let offset: Int

    package var message: String { "\(reason) (line \(line), column \(column))" }
    package var cause: (any Error)? { nil }

    init(_ code: ErrorCode, _ reason: String, at offset: Int, in text: UnsafeBufferPointer<UInt8>) {
        self.code = code
        self.reason = reason
        self.offset = offset
        var line = 1
        var column = 1
        for byte in text.prefix(offset) {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.line = line
        self.column = column
    }
}

extension ErrorCode {
    /// The text is not a JSON document as RFC 8259 has it.
    package static let jsonInvalid = ErrorCode("json.invalid", category: .invalid)
    /// The text has more bytes than its reader takes.
    package static let jsonTooLarge = ErrorCode("json.too_large", category: .limited)
    /// Arrays and objects are nested deeper than the reader takes.
    package static let jsonTooDeep = ErrorCode("json.too_deep", category: .limited)
}
