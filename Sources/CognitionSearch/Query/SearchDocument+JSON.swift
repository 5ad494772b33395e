package import CognitionCore
import OrderedCollections

extension SearchDocument {
    package static let idBytesMax = 512
    package static let fieldsMax = 1_000
    package static let rolesMax = 100
    package static let valuesMax = 10_000
    static let boosts = 0.001...1_000.0

    /// Reads the `documents` of `POST search/{index}/documents`.
    /// - Parameters:
    ///   - pointer: Where the list stands in the body.
    ///   - max: Documents that are allowed.
    /// - Throws: `search.document_invalid`, with the place in its message.
    package static func list(
        json: JSONValue, at pointer: JSONPointer = .root, max: Int, settings: SearchSettings
    ) throws -> [SearchDocument] {
        try JSONPlace(json, pointer, code: .searchDocumentInvalid).list(max: max).map {
            try SearchDocument($0, settings)
        }
    }

    /// Reads a document: `id`, `boost`, `roles`, `fields`.
    /// - Throws: `search.document_invalid`, also when a field's value is not of the field's type.
    package init(json: JSONValue, at pointer: JSONPointer = .root, settings: SearchSettings) throws {
        try self.init(JSONPlace(json, pointer, code: .searchDocumentInvalid), settings)
    }

    private init(_ place: JSONPlace, _ settings: SearchSettings) throws {
        _ = try place.object("a document", ["id", "boost", "roles", "fields"])
        guard let id = place.member("id") else { throw place.refusal("'id' is needed") }
        guard let fields = place.member("fields") else { throw place.refusal("'fields' is needed") }
        self.init(id: try id.text(bytes: 1...Self.idBytesMax), fields: try fields.object("'fields'"))
        if let boost = place.member("boost") { self.boost = try boost.number(in: Self.boosts) }
        roles = try place.member("roles")?.texts(max: Self.rolesMax)
        guard self.fields.count <= Self.fieldsMax else {
            throw fields.refusal("a document has at most \(Self.fieldsMax) fields, not \(self.fields.count)")
        }
        for (name, value) in self.fields {
            guard let field = settings.fields[name], !value.isNull else { continue }
            try JSONPlace(value, fields.pointer.appending(name), code: fields.code).check(are: field.kind)
        }
    }

    /// The document as ``init(json:at:settings:)`` reads it.
    package var json: JSONValue {
        var members: JSONObject = ["id": .string(id)]
        if boost != 1 { members["boost"] = JSONValue(boost) }
        if let roles { members["roles"] = .array(roles.map(JSONValue.string)) }
        members["fields"] = .object(fields)
        return .object(members)
    }
}

extension JSONPlace {
    /// Whether it is a value of the kind, or a list of such.
    fileprivate func check(are kind: SearchField.Kind) throws {
        if value.arrayValue != nil {
            for item in try list(max: SearchDocument.valuesMax) where !item.value.isNull { try item.check(is: kind) }
        } else {
            try check(is: kind)
        }
    }

    private func check(is kind: SearchField.Kind) throws {
        guard !FieldValues.fits(value, kind) else { return }
        switch kind {
        case .text:
            throw refusal("a text, a number, true or false, or a list of such, is needed, not \(value.typeName)")
        case .keyword:
            throw refusal(
                "a text of 1 to \(FieldValues.keywordBytesMax) bytes, a number, true or false, or a list of such, is needed"
            )
        case .number: throw refusal("a number, or a list of numbers, is needed, not \(value.typeName)")
        case .date: throw refusal("a time as RFC 3339 has it, such as 2026-01-31T12:00:00Z, or a day, is needed")
        }
    }
}
