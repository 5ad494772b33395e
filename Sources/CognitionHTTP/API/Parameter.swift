package import CognitionCore

/// A parameter of a route: where it stands, its schema, and how its text is read.
package struct Parameter<Value: Sendable>: AnyParameter {
    package let name: String
    package let place: ParameterPlace
    package let schema: JSONValue
    package let description: String
    /// Gives no value for a text that does not fit.
    let read: @Sendable (String) -> Value?
    /// How often one may be there whose schema is a list: each of its items stands as a parameter of its own.
    static var repetitionsMax: Int { 20 }

    package init(
        _ name: String, in place: ParameterPlace, _ schema: JSONValue, _ description: String,
        read: @escaping @Sendable (String) -> Value?
    ) {
        self.name = name
        self.place = place
        self.schema = schema
        self.description = description
        self.read = read
    }
}

package enum ParameterPlace: String, Sendable {
    case path
    case query
    case header
}

/// What the OpenAPI document needs of a parameter.
package protocol AnyParameter: Sendable {
    var name: String { get }
    var place: ParameterPlace { get }
    var schema: JSONValue { get }
    var description: String { get }
}

extension Parameter<String> {
    package static func text(
        _ name: String, in place: ParameterPlace = .query, _ description: String, bytesMax: Int = 256
    ) -> Parameter<String> {
        Parameter(name, in: place, .text(length: 1...bytesMax), description) { text in
            (1...bytesMax).contains(text.utf8.count) ? text : nil
        }
    }
}

extension Parameter<Int> {
    package static func whole(
        _ name: String, _ range: ClosedRange<Int>, _ description: String
    ) -> Parameter<Int> {
        Parameter(name, in: .query, .whole(range), description) { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension Parameter<Timestamp> {
    package static func moment(_ name: String, _ description: String) -> Parameter<Timestamp> {
        Parameter(name, in: .query, .moment, description) { Timestamp($0) }
    }
}

/// Parameters of the query that many routes have.
enum Query {
    static let limit = Parameter.whole("limit", 1...200, "How many items a page may have; 50 unless given.")
    static let cursor = Parameter.text("cursor", "Where the page before ended: its `next_cursor`.")
}
