package import CognitionCore

/// Why something could not be indexed or searched.
package struct SearchError: CodedError {
    package let code: ErrorCode
    package let message: String
    package let cause: (any Error)?

    package init(_ code: ErrorCode, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

extension ErrorCode {
    /// Settings of an index are not as they have to be.
    package static let searchSettingsInvalid = ErrorCode("search.settings_invalid", category: .invalid)
    /// A document is not as it has to be.
    package static let searchDocumentInvalid = ErrorCode("search.document_invalid", category: .invalid)
    /// A query is not as it has to be: too large, too deep, or about a field that is not there.
    package static let searchQueryInvalid = ErrorCode("search.query_invalid", category: .invalid)
    /// No index of that name in the workspace.
    package static let searchIndexNotFound = ErrorCode("search.index_not_found", category: .notFound)
    /// No document of that id in the index.
    package static let searchDocumentNotFound = ErrorCode("search.document_not_found", category: .notFound)
    /// The name is none that a user may give an index, or the index is kept by the platform itself.
    package static let searchIndexReserved = ErrorCode("search.index_reserved", category: .conflict)
    /// The workspace has as many indexes as it may have.
    package static let searchIndexesTooMany = ErrorCode("search.indexes_too_many", category: .limited)
    /// Pinned queries are not as they have to be.
    package static let searchRelevanceInvalid = ErrorCode("search.relevance_invalid", category: .invalid)
    /// The index never had settings of that version, or they are not kept any more.
    package static let searchVersionNotFound = ErrorCode("search.version_not_found", category: .notFound)
    /// The index is made for the first time on this node.
    package static let searchIndexBuilding = ErrorCode("search.index_building", category: .unavailable)
    /// The index has not reached the asked sequence in time.
    package static let searchSequenceNotReached = ErrorCode("search.sequence_not_reached", category: .unavailable)
    /// A file of an index is damaged, or of another format; the index is made anew from the documents.
    package static let searchIndexDamaged = ErrorCode("search.index_damaged", category: .unavailable)
    /// The operating system refused to read or write a file of the index; nothing is lost, as documents are in the database.
    package static let searchStorageFailed = ErrorCode("search.storage_failed", category: .unavailable)
}
