package import CognitionCore

/// One version of a workflow, as it is stored.
package struct StoredWorkflow: Sendable {
    package var key: Int64
    package var workspace: WorkspaceID
    package var id: WorkflowID
    package var version: String
    package var hash: SHA256Digest
    package var title: String?
    package var createdAt: Timestamp
    /// The row of the workflow that this is a version of.
    var nameKey: Int64
    /// It takes no new executions; the workflow as a whole may be archived all the same.
    package var isArchived = false
    /// False when the same document was stored before.
    package var isNew = false
}

/// One version of a workflow with its document.
package struct StoredDefinition: Sendable {
    package var workflow: StoredWorkflow
    /// As it was written, with its members in their order.
    package var document: JSONValue
}

/// A workflow over all its versions; a line of the list of workflows.
package struct WorkflowSummary: Sendable {
    /// The highest version.
    package var latest: StoredWorkflow
    package var state: WorkflowState
    /// In alphabetical order.
    package var tags: [String]
    /// Who stored its first version, as `Principal.actor` says it.
    package var owner: String
    package var retention: Retention
    package var createdAt: Timestamp
    /// When a version was stored or deleted, or the state or tags changed.
    package var updatedAt: Timestamp

    package var id: WorkflowID { latest.id }
}

/// Whether a workflow takes new executions.
package enum WorkflowState: String, Sendable, CaseIterable {
    case active
    /// It takes none; those that run go on.
    case archived
}

/// Which workflows a list has; what is `nil` does not matter.
package struct WorkflowFilter: Sendable, Hashable {
    package var tag: String?
    package var owner: String?
    package var state: WorkflowState?

    package init(tag: String? = nil, owner: String? = nil, state: WorkflowState? = nil) {
        self.tag = tag
        self.owner = owner
        self.state = state
    }
}

/// What is to become of a workflow; what is `nil` stays.
package struct WorkflowChange: Sendable {
    package var state: WorkflowState?
    /// All tags it has afterwards; 0...``tagsMax``.
    package var tags: [String]?
    package var retention: Retention?

    package static let tagsMax = 32
    package static let tagBytesMax = 64

    package init(state: WorkflowState? = nil, tags: [String]? = nil, retention: Retention? = nil) {
        self.state = state
        self.retention = retention
        self.tags = tags
    }

    /// The tags in alphabetical order, each once.
    /// - Throws: `workflow.tag_invalid`.
    func checkedTags() throws -> [String]? {
        guard let tags else { return nil }
        if let wrong = tags.first(where: { !Self.isTag($0) }) {
            // Shortened, as it may be of any length.
            throw WorkflowError(
                .tagInvalid, "\(wrong.prefix(80)) is no tag; a tag has 1 to 64 bytes and matches [a-z0-9][a-z0-9_.:/-]*"
            )
        }
        let unique = Set(tags).sorted()
        guard unique.count <= Self.tagsMax else {
            throw WorkflowError(.tagInvalid, "a workflow has at most \(Self.tagsMax) tags, not \(unique.count)")
        }
        return unique
    }

    private static func isTag(_ text: String) -> Bool {
        guard (1...tagBytesMax).contains(text.utf8.count) else { return false }
        return text.utf8.enumerated().allSatisfy { place, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: place > 0 && "_.:/-".utf8.contains(byte)
            }
        }
    }
}

// MARK: - JSON

extension StoredWorkflow {
    package var json: JSONValue {
        [
            "id": .string(id.description),
            "version": .string(version),
            "hash": .string(hash.description),
            "title": title.map(JSONValue.string) ?? .null,
            "state": .string((isArchived ? WorkflowState.archived : .active).rawValue),
            "created_at": .string(createdAt.description),
        ]
    }
}

extension StoredDefinition {
    /// The members of the version, then `document`.
    package var json: JSONValue {
        guard case .object(var members) = workflow.json else { return workflow.json }
        members["document"] = document
        return .object(members)
    }
}

extension WorkflowSummary {
    /// `version`, `hash` and `title` are those of the highest version, `created_at` is the first one's.
    package var json: JSONValue {
        [
            "id": .string(id.description),
            "version": .string(latest.version),
            "hash": .string(latest.hash.description),
            "title": latest.title.map(JSONValue.string) ?? .null,
            "state": .string(state.rawValue),
            "tags": .array(tags.map(JSONValue.string)),
            "owner": .string(owner),
            "retention": retention.json,
            "created_at": .string(createdAt.description),
            "updated_at": .string(updatedAt.description),
        ]
    }
}
