package import CognitionCore

/// What is searched: an id of its owner's, and fields.
package struct SearchDocument: Sendable, Equatable {
    /// 1...512 bytes of UTF-8, unique in the index.
    package var id: String
    /// Multiplies every score of the document; above 0.
    package var boost: Double
    /// Roles that may find it; `nil` for everyone who may search the index.
    package var roles: [String]?
    /// A value, or an array of values, for each field.
    package var fields: JSONObject

    package init(id: String, boost: Double = 1, roles: [String]? = nil, fields: JSONObject) {
        self.id = id
        self.boost = boost
        self.roles = roles
        self.fields = fields
    }
}

/// A step of an index's history: what a document is now, or that it is gone.
package struct DocumentChange: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case put(SearchDocument)
        case removed(id: String)
    }

    /// Place in the history of the index; ascending without end, not without gaps.
    package var sequence: Int64
    package var content: Content

    package init(sequence: Int64, content: Content) {
        self.sequence = sequence
        self.content = content
    }

    package var id: String {
        switch content {
        case .put(let document): document.id
        case .removed(let id): id
        }
    }
}
