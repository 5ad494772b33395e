import COniguruma
package import CognitionCore

/// A compiled regular expression in Oniguruma's Perl syntax, which jq and (for what schemas use) ECMA-262 share.
///
/// A search gives up, with an error, after `retriesMax` steps of backtracking, so that no pattern can hang its caller.
///
/// Sendable because the compiled pattern is only read after `init`, which Oniguruma allows from any number of threads.
package final class RegularExpression: @unchecked Sendable {
    package struct Options: OptionSet, Sendable, Hashable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }

        package static let ignoreCase = Options(rawValue: 1)
        /// White space and comments in the pattern mean nothing.
        package static let extended = Options(rawValue: 2)
        /// `.` matches a line break too.
        package static let dotMatchesNewline = Options(rawValue: 4)
        /// `$` matches only at the very end.
        package static let singleLine = Options(rawValue: 8)
        package static let findLongest = Options(rawValue: 16)
        package static let ignoreEmpty = Options(rawValue: 32)
    }

    /// A match, or what a group matched. Offsets and lengths count code points.
    package struct Match: Sendable, Hashable {
        package struct Capture: Sendable, Hashable {
            package let name: String?
            /// `nil` for a group that took no part in the match.
            package let string: String?
            /// -1 for a group that took no part.
            package let offset: Int
            package let length: Int
        }

        package let offset: Int
        package let length: Int
        package let string: String
        package let captures: [Capture]
    }

    /// Why a pattern does not compile or a search ended.
    package struct Failure: CodedError {
        package let code: ErrorCode
        package let message: String
        package var cause: (any Error)? { nil }
    }

    /// Backtracking steps of one search.
    package static let retriesMax: UInt = 1_000_000
    package static let patternBytesMax = 16 << 10

    package let pattern: String
    private let regex: OnigRegex
    /// Names of groups by their number, from 1.
    private let names: [Int: String]

    private static let isInitialized = cognition_onig_initialize() == ONIG_NORMAL

    package init(_ pattern: String, options: Options = []) throws(Failure) {
        guard pattern.utf8.count <= Self.patternBytesMax else {
            throw Failure(code: .regexInvalid, message: "a pattern has at most \(Self.patternBytesMax) bytes")
        }
        guard Self.isInitialized else { throw Failure(code: .regexInvalid, message: "Oniguruma does not start") }
        var compiled: OnigRegex?
        var error = [UInt8](repeating: 0, count: Int(COGNITION_ONIG_ERROR_BYTES) + 1)
        let bytes = Array(pattern.utf8) + [0]
        let status = bytes.withUnsafeBufferPointer { buffer in
            cognition_onig_compile(&compiled, buffer.baseAddress, bytes.count - 1, UInt32(options.rawValue), &error)
        }
        guard status == ONIG_NORMAL, let compiled else {
            throw Failure(code: .regexInvalid, message: Self.text(error))
        }
        self.pattern = pattern
        regex = compiled
        names = Self.names(of: compiled)
    }

    deinit { onig_free(regex) }

    /// Whether the pattern matches anywhere in the text.
    package func matches(_ text: String) throws(Failure) -> Bool {
        try search(Array(text.utf8), from: 0) != nil
    }

    /// The first match.
    package func firstMatch(in text: String) throws(Failure) -> Match? {
        try matches(in: text, max: 1).first
    }

    /// Matches from left to right that do not overlap; after an empty one the search goes on one code point later.
    package func matches(in text: String, max: Int = .max) throws(Failure) -> [Match] {
        let bytes = Array(text.utf8)
        var offsets = CodePointOffsets(bytes)
        var found: [Match] = []
        var start = 0
        while start <= bytes.count, found.count < max {
            guard let groups = try search(bytes, from: start), let whole = groups[0] else { break }
            found.append(match(groups, whole, bytes, &offsets))
            start = whole.upperBound
            if whole.isEmpty {
                start += 1
                while start < bytes.count, bytes[start] & 0xC0 == 0x80 { start += 1 }
            }
        }
        return found
    }

    /// The byte ranges of the match and its groups.
    private func search(_ bytes: [UInt8], from start: Int) throws(Failure) -> [Range<Int>?]? {
        guard let region = onig_region_new() else {
            throw Failure(code: .regexFailed, message: "no memory for the match")
        }
        defer { onig_region_free(region, 1) }
        var error = [UInt8](repeating: 0, count: Int(COGNITION_ONIG_ERROR_BYTES) + 1)
        // Oniguruma needs an address even for an empty text.
        let status = (bytes.isEmpty ? [0] : bytes).withUnsafeBufferPointer { buffer in
            cognition_onig_search(regex, buffer.baseAddress, bytes.count, start, region, Self.retriesMax, &error)
        }
        if status == ONIG_MISMATCH { return nil }
        guard status >= 0 else { throw Failure(code: .regexFailed, message: Self.text(error)) }
        return (0..<Int(region.pointee.num_regs)).map { index in
            let (begin, end) = (Int(region.pointee.beg[index]), Int(region.pointee.end[index]))
            return begin < 0 ? nil : begin..<end
        }
    }

    private func match(
        _ groups: [Range<Int>?], _ whole: Range<Int>, _ bytes: [UInt8], _ offsets: inout CodePointOffsets
    ) -> Match {
        let (start, end) = (offsets[whole.lowerBound], offsets[whole.upperBound])
        let captures = groups.indices.dropFirst().map { index -> Match.Capture in
            guard let range = groups[index] else {
                return Match.Capture(name: names[index], string: nil, offset: -1, length: 0)
            }
            let text = String(decoding: bytes[range], as: UTF8.self)
            // The offset of an empty group in an empty match is the match's own, as in jq.
            let start = whole.isEmpty ? start : offsets[range.lowerBound]
            return Match.Capture(
                name: names[index], string: whole.isEmpty ? "" : text, offset: start,
                length: whole.isEmpty ? 0 : text.codePointCount)
        }
        let text = String(decoding: bytes[whole], as: UTF8.self)
        return Match(offset: start, length: end - start, string: text, captures: captures)
    }

    private static func names(of regex: OnigRegex) -> [Int: String] {
        final class Found { var names: [Int: String] = [:] }
        let found = Found()
        onig_foreach_name(
            regex,
            { start, end, count, groups, _, context in
                guard let start, let end, let groups, let context else { return 0 }
                let name = String(decoding: UnsafeBufferPointer(start: start, count: end - start), as: UTF8.self)
                let found = Unmanaged<Found>.fromOpaque(context).takeUnretainedValue()
                for index in 0..<Int(count) { found.names[Int(groups[index])] = name }
                return 0
            }, Unmanaged.passUnretained(found).toOpaque())
        return found.names
    }

    private static func text(_ message: [UInt8]) -> String {
        String(decoding: message.prefix { $0 != 0 }, as: UTF8.self)
    }
}

extension RegularExpression {
    /// A test whether a text has a match anywhere, as JSON Schema's `pattern` wants it; a text on which the search exceeds
    /// its bound has none.
    ///
    /// - Throws: `expression.regex_invalid`.
    package static func test(_ pattern: String) throws -> @Sendable (String) -> Bool {
        let expression = try RegularExpression(pattern)
        // Its only error is the bound.
        return { (try? expression.matches($0)) ?? false }
    }
}

/// Turns byte offsets, asked for in mostly ascending order, into code point offsets.
private struct CodePointOffsets {
    private let bytes: [UInt8]
    private var byte = 0
    private var codePoint = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    subscript(offset: Int) -> Int {
        mutating get {
            if offset < byte { (byte, codePoint) = (0, 0) }
            for other in bytes[byte..<offset] where other & 0xC0 != 0x80 { codePoint += 1 }
            byte = offset
            return codePoint
        }
    }
}

extension ErrorCode {
    /// The pattern is not a regular expression.
    package static let regexInvalid = ErrorCode("expression.regex_invalid", category: .invalid)
    /// The search needed more backtracking than allowed.
    package static let regexFailed = ErrorCode("expression.regex_failed", category: .limited)
}
