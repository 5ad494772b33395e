package import CognitionCore
package import CognitionEvents

/// Makes documents of what happens elsewhere in the platform, for an index that the platform keeps.
package protocol SearchSource: Sendable {
    /// Name of the index, of ``IndexName/ofPlatform``.
    var index: String { get }
    var settings: SearchSettings { get }
    /// Counted up when other documents are made of the same things; the log is then read from its beginning.
    var revision: Int64 { get }
    /// The events that tell of changes.
    var filter: EventFilter { get }

    /// What events tell of, each once.
    func subjects(of events: [Event]) async throws -> [SearchSubject]

    /// The document of a subject as it is now; `nil` when there is none any more.
    func document(of subject: SearchSubject) async throws -> SearchDocument?
}

/// What a document is made of.
package struct SearchSubject: Sendable, Hashable {
    package let workspace: WorkspaceID
    /// The document's id.
    package let id: String

    package init(_ id: String, in workspace: WorkspaceID) {
        self.id = id
        self.workspace = workspace
    }
}
