import CognitionCore

/// The values of a document's field that fit the field's kind; what does not fit is not indexed.
///
/// A document is checked when it is put. One that was put before the settings changed may hold what no longer fits.
struct FieldValues {
    static let keywordBytesMax = 1_024

    private(set) var texts: [String] = []
    private(set) var numbers: [Double] = []
    private(set) var moments: [Int64] = []

    init(_ json: JSONValue?, of kind: SearchField.Kind) {
        switch json {
        case nil: break
        case .array(let elements): for element in elements { add(element, kind) }
        case .some(let value): add(value, kind)
        }
    }

    private mutating func add(_ json: JSONValue, _ kind: SearchField.Kind) {
        switch kind {
        case .text: if let text = Self.text(json) { texts.append(text) }
        case .keyword: if let text = Self.keyword(json) { texts.append(text) }
        case .number: if let number = Self.number(json) { numbers.append(number) }
        case .date: if let moment = Self.moment(json) { moments.append(moment) }
        }
    }

    /// Whether a single value is one of the kind; `null` is of every kind and means none.
    static func fits(_ json: JSONValue, _ kind: SearchField.Kind) -> Bool {
        if json.isNull { return true }
        return switch kind {
        case .text: text(json) != nil
        case .keyword: keyword(json) != nil
        case .number: number(json) != nil
        case .date: moment(json) != nil
        }
    }

    /// Texts, and numbers and truth values as they are written.
    static func text(_ json: JSONValue) -> String? {
        switch json {
        case .string(let text): text
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): Int64(exactly: value).map(String.init) ?? String(value)
        case .literal(let text): text
        case .null, .array, .object: nil
        }
    }

    static func keyword(_ json: JSONValue) -> String? {
        text(json).flatMap { $0.utf8.count <= keywordBytesMax && !$0.isEmpty ? $0 : nil }
    }

    static func number(_ json: JSONValue) -> Double? {
        json.doubleValue.flatMap { $0.isFinite ? $0 : nil }
    }

    /// Microseconds since 1970.
    static func moment(_ json: JSONValue) -> Int64? {
        switch json {
        case .string(let text):
            RFC3339Reader.moment(text)?.microseconds ?? RFC3339Reader.moment(text + "T00:00:00Z")?.microseconds
        default: json.integerValue
        }
    }
}
