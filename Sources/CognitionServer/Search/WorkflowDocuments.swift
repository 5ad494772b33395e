import CognitionCore
import CognitionEvents
import CognitionSearch
import CognitionWorkflows

/// `_workflows`: a document for each workflow, made of its highest version.
struct WorkflowDocuments: SearchSource {
    private static let textBytesMax = 256 << 10

    let workflows: Workflows

    let index = IndexName.workflows
    let revision: Int64 = 1
    let filter = EventFilter(types: [
        "workflow.created", "workflow.archived", "workflow.activated", "workflow.tagged", "workflow.deleted",
    ])

    var settings: SearchSettings {
        SearchSettings([
            "name": .text(boost: 1.5), "title": .text(boost: 1.5), "text": .text(), "version": .keyword(),
            "state": .keyword(isFacet: true), "tags": .keyword(isFacet: true), "updated_at": .date,
        ])
    }

    func subjects(of events: [Event]) -> [SearchSubject] {
        events.map { SearchSubject($0.stream.id, in: $0.workspace) }.uniqued()
    }

    func document(of subject: SearchSubject) async throws -> SearchDocument? {
        guard let id = WorkflowID(subject.id) else { return nil }
        do {
            let stored = try await workflows.definition(id, in: subject.workspace)
            let summary = try await workflows.summary(of: id, in: subject.workspace)
            return SearchDocument(
                id: subject.id,
                fields: [
                    "name": .string(id.description), "title": stored.workflow.title.map(JSONValue.string) ?? .null,
                    "version": .string(stored.workflow.version), "state": .string(summary.state.rawValue),
                    "tags": .array(summary.tags.map(JSONValue.string)),
                    "text": .string(TextOfJSON.text(of: stored.document, bytesMax: Self.textBytesMax)),
                    "updated_at": .string(summary.updatedAt.description),
                ])
        } catch let error as WorkflowError where error.code == .workflowNotFound {
            return nil
        }
    }
}
