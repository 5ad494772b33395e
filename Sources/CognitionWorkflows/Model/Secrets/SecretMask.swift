import CognitionCore
import Foundation

/// Hides secrets in what a task gives or says, before anything of it is stored.
///
/// A text of 6 bytes or more is found inside other texts: as it is, with the escapes of JSON and of URLs, and in base 64 at
/// any place. Shorter ones, and numbers of 4 digits or more, are hidden where they are a whole value, since inside of others
/// they would hide what has nothing to do with them.
struct SecretMask: Sendable {
    static let partBytesMin = 6
    private static let numberMin = 1_000.0

    /// What is looked for in texts, the longest first; as bytes, since to Swift a letter with an accent behind it is
    /// another letter.
    private var parts: [[UInt8]] = []
    private var wholes: Set<String> = []
    private var numbers: Set<JSONValue> = []

    var isEmpty: Bool { parts.isEmpty && wholes.isEmpty && numbers.isEmpty }

    /// - Parameter values: Secrets in clear: texts, or anything with texts in it.
    init(_ values: [JSONValue]) {
        var found: Set<String> = []
        for value in values { collect(value, &found) }
        parts = found.map { Array($0.utf8) }.sorted { $0.count > $1.count }
    }

    private mutating func collect(_ value: JSONValue, _ found: inout Set<String>) {
        switch value {
        case .string(let text):
            if text.utf8.count >= Self.partBytesMin {
                found.formUnion(Self.spellings(of: text))
            } else if !text.isEmpty {
                wholes.insert(text)
            }
        case .array(let elements):
            for element in elements { collect(element, &found) }
        case .object(let members):
            for member in members.values { collect(member, &found) }
        case .null, .bool:
            break
        default:
            guard let number = value.doubleValue, abs(number) >= Self.numberMin else { return }
            numbers.insert(value)
            wholes.insert(value.jsonText)
            if value.jsonText.utf8.count >= Self.partBytesMin { found.insert(value.jsonText) }
        }
    }

    /// The ways in which a text may come back.
    private static func spellings(of text: String) -> [String] {
        var spellings = [text, String(JSONValue.string(text).jsonText.dropFirst().dropLast())]
        spellings += [text.percentEncoded, text.formEncoded]
        spellings += [text.percentEncoded.lowercasedEscapes, text.formEncoded.lowercasedEscapes]
        let bytes = Array(text.utf8)
        for offset in 0..<3 { spellings += base64(of: bytes, at: offset) }
        return spellings.filter { $0.utf8.count >= partBytesMin }
    }

    /// The digits of base 64 that depend on these bytes alone when `offset` others stand before them.
    private static func base64(of bytes: [UInt8], at offset: Int) -> [String] {
        let padded = [UInt8](repeating: 0, count: offset) + bytes
        let digits = Data(padded).base64EncodedString().prefix { $0 != "=" }
        // The first digits hold bits of what stands before, and the last one may hold bits of what comes after.
        let inner = String(digits.dropFirst([0, 2, 3][offset]).prefix((padded.count * 8) / 6 - [0, 2, 3][offset]))
        return [inner, inner.replacing("+", with: "-").replacing("/", with: "_")]
    }

    // MARK: Hiding

    func hiding(_ value: JSONValue) -> JSONValue {
        guard !isEmpty else { return value }
        switch value {
        case .string(let text):
            return .string(hiding(text))
        case .array(let elements):
            return .array(elements.map(hiding))
        case .object(let members):
            return .object(JSONObject(members.map { (hiding($0.key), hiding($0.value)) }))
        case .null, .bool:
            return value
        default:
            let isSecret = numbers.contains(value) || hiding(value.jsonText) != value.jsonText
            return isSecret ? .string(Secret.mask) : value
        }
    }

    func hiding(_ text: String) -> String {
        guard !wholes.contains(text) else { return Secret.mask }
        var bytes = Array(text.utf8)
        var isChanged = false
        for part in parts {
            guard let replaced = Self.replacing(part, in: bytes) else { continue }
            bytes = replaced
            isChanged = true
        }
        return isChanged ? String(decoding: bytes, as: UTF8.self) : text
    }

    /// - Returns: `nil` when it is not there.
    private static func replacing(_ part: [UInt8], in bytes: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var copied = 0
        var place = 0
        let last = bytes.count - part.count
        while place <= last, let start = bytes[place...last].firstIndex(of: part[0]) {
            guard bytes[start..<(start + part.count)].elementsEqual(part) else {
                place = start + 1
                continue
            }
            result += bytes[copied..<start]
            result += Secret.mask.utf8
            copied = start + part.count
            place = copied
        }
        guard copied > 0 else { return nil }
        return result + bytes[copied...]
    }

    func hiding(_ fault: WorkflowFault) -> WorkflowFault {
        var fault = fault
        fault.type = hiding(fault.type)
        fault.title = fault.title.map(hiding)
        fault.detail = fault.detail.map(hiding)
        fault.instance = fault.instance.map(hiding)
        return fault
    }
}

extension String {
    /// `%2F` as `%2f`.
    fileprivate var lowercasedEscapes: String {
        var result = ""
        var escape = 0
        for character in self {
            if character == "%" { escape = 3 }
            result += escape > 0 ? character.lowercased() : String(character)
            escape = max(0, escape - 1)
        }
        return result
    }
}
