import CognitionCore

/// A parameter of an operation, and how its values are written (OpenAPI 3.1, section 4.8.12; 2.0, `collectionFormat`).
struct OpenAPIParameter: Sendable {
    enum Place: String, Sendable {
        case path, query, header, cookie
        /// Of version 2.0 alone.
        case body, formData
    }

    private enum Style: Sendable {
        /// Lists with this between their elements; objects as `name,value` or, exploded, `name=value`.
        case separated(String, explodes: Bool)
        /// Each element of a list, or member of an object, as a parameter of its own.
        case exploded
        case deepObject
        /// As JSON (`content`).
        case json
    }

    let name: String
    let place: Place
    let isRequired: Bool
    private let style: Style

    init(_ definition: JSONValue, _ document: OpenAPIDocument) throws {
        guard let name = definition["name"]?.stringValue,
            let place = definition["in"]?.stringValue.flatMap(Place.init)
        else { throw OpenAPIDocument.fault("a parameter has no 'name', or an unknown 'in'") }
        self.name = name
        self.place = place
        isRequired = place == .path || definition["required"]?.boolValue == true
        style =
            switch document.version {
            case .v2: Self.style(ofVersion2: definition)
            case .v3: try Self.style(definition, place, name)
            }
    }

    private static func style(ofVersion2 definition: JSONValue) -> Style {
        switch definition["collectionFormat"]?.stringValue {
        case "multi": .exploded
        case "ssv": .separated(" ", explodes: false)
        case "tsv": .separated("\t", explodes: false)
        case "pipes": .separated("|", explodes: false)
        default: .separated(",", explodes: false)
        }
    }

    private static func style(_ definition: JSONValue, _ place: Place, _ name: String) throws -> Style {
        if definition["content"] != nil { return .json }
        let explode = definition["explode"]?.boolValue
        let style = definition["style"]?.stringValue ?? (place == .query || place == .cookie ? "form" : "simple")
        switch (style, place) {
        case ("simple", .path), ("simple", .header): return .separated(",", explodes: explode ?? false)
        case ("form", .query), ("form", .cookie):
            return explode ?? true ? .exploded : .separated(",", explodes: false)
        case ("spaceDelimited", .query): return explode ?? false ? .exploded : .separated(" ", explodes: false)
        case ("pipeDelimited", .query): return explode ?? false ? .exploded : .separated("|", explodes: false)
        case ("deepObject", .query): return .deepObject
        default:
            throw OpenAPIDocument.fault("the style '\(style)' of the parameter '\(name.prefix(100))' is not supported")
        }
    }

    /// The value as one text, as in a path or a header.
    ///
    /// - Parameter encode: Applied to names and values, not to what stands between them.
    func text(of value: JSONValue, encode: (String) -> String) -> String {
        guard case .separated(let separator, let explodes) = style else { return encode(value.interpolated) }
        switch value {
        case .array(let elements):
            return elements.map { encode($0.interpolated) }.joined(separator: separator)
        case .object(let members):
            let between = explodes ? "=" : separator
            return members.map { encode($0.key) + between + encode($0.value.interpolated) }
                .joined(separator: separator)
        default:
            return encode(value.interpolated)
        }
    }

    /// The value as pairs of a query, a form or cookies, not encoded.
    func pairs(of value: JSONValue) -> [(String, String)] {
        switch (style, value) {
        case (.json, _): [(name, value.jsonText)]
        case (.exploded, .array(let elements)): elements.map { (name, $0.interpolated) }
        case (.exploded, .object(let members)): members.map { ($0.key, $0.value.interpolated) }
        case (.deepObject, .object(let members)): members.map { ("\(name)[\($0.key)]", $0.value.interpolated) }
        default: [(name, text(of: value) { $0 })]
        }
    }
}
