package import CognitionCore
package import CognitionDocuments

/// A workflow, read from its document and checked: every name resolved, every expression and schema compiled.
///
/// Reading is the only way to make one, so whoever holds a definition may run it.
package struct WorkflowDefinition: Sendable {
    /// The document as it was written.
    package let document: JSONValue
    /// SHA-256 of the document's RFC 8785 form: two documents are the same when their hashes are.
    package let hash: SHA256Digest
    package let id: WorkflowID
    /// A semantic version (semver.org, 2.0.0).
    package let version: String
    package let title: String?
    package let summary: String?
    package let tags: JSONObject
    package let input: InputDefinition
    package let output: OutputDefinition
    package let timeout: DurationTemplate?
    package let tasks: TaskList
    package let schedule: ScheduleDefinition?
    /// How many tasks the document holds, nested ones and functions counted once.
    package let taskCount: Int
    /// Documents kept elsewhere that it refers to, functions of catalogs and schemas, by their names (``ExternalDocument``):
    /// fetched when it was created, and stored with it.
    package let fetched: JSONObject
}

/// `namespace.name`; `name` alone is in namespace `default`.
package struct WorkflowID: Sendable, Hashable, LosslessStringConvertible {
    package let namespace: String
    package let name: String

    package init(namespace: String = "default", name: String) {
        self.namespace = namespace
        self.name = name
    }

    /// Reads `namespace.name` or `name`; `nil` when a part is no name that a document can have.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, parts.allSatisfy(HostName.isValid), let name = parts.last else { return nil }
        self.init(namespace: parts.count == 2 ? parts[0] : "default", name: name)
    }

    package var description: String { "\(namespace).\(name)" }
}

/// Tasks that run one after the other, unless a flow directive jumps.
package struct TaskList: Sendable {
    /// JSON pointer of the list, e.g. `/do` or `/do/2/each/do`.
    package let reference: String
    package let tasks: [TaskDefinition]

    /// Whether a task can be entered twice without the list being begun again.
    package var jumpsBack: Bool {
        tasks.indices.contains { place in tasks[place].directives.contains { $0.leads(to: 0...place) } }
    }
}

/// What becomes of the data before a task or workflow sees it.
package struct InputDefinition: Sendable {
    /// Checked against the raw input.
    package var schema: JSONSchema?
    package var from: Template?
    /// Names of the secrets that `from` uses. Such a task keeps its raw input, and `from` is evaluated for each attempt at
    /// its effect, outside of the execution.
    package var secrets: [String] = []

    package static let asIs = InputDefinition(schema: nil, from: nil)
}

/// What becomes of the data that a task or workflow gives.
package struct OutputDefinition: Sendable {
    package var `as`: Template?
    /// Checked against the transformed output.
    package var schema: JSONSchema?

    package static let asIs = OutputDefinition(as: nil, schema: nil)
}

/// What a task writes to `$context`; without `as` the context stays.
package struct ExportDefinition: Sendable {
    package var `as`: Template
    package var schema: JSONSchema?
}
