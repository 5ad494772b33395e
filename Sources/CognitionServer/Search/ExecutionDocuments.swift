import CognitionCore
import CognitionEvents
import CognitionSearch
import CognitionWorkflows

/// `_executions`: a document for each execution that is kept, with what went in, what came out, and what its tasks have said.
struct ExecutionDocuments: SearchSource {
    /// Of input and output each.
    private static let valueBytesMax = 64 << 10
    private static let transcriptBytesMax = 256 << 10
    /// Tasks whose outputs are looked at.
    private static let tasksMax = 200

    let workflows: Workflows

    let index = IndexName.executions
    let revision: Int64 = 1
    let filter = EventFilter(types: [
        "execution.started", "execution.completed", "execution.faulted", "execution.cancelled", "execution.suspended",
        "execution.resumed", "execution.retried", "execution.deleted",
    ])

    var settings: SearchSettings {
        SearchSettings([
            "workflow": .text(boost: 1.5), "workflow_id": .keyword(isFacet: true), "version": .keyword(),
            "status": .keyword(isFacet: true), "input": .text(), "output": .text(), "error": .text(),
            "transcript": .text(), "created_at": .date, "ended_at": .date,
        ])
    }

    func subjects(of events: [Event]) -> [SearchSubject] {
        events.map { SearchSubject($0.stream.id, in: $0.workspace) }.uniqued()
    }

    func document(of subject: SearchSubject) async throws -> SearchDocument? {
        guard let id = ExecutionID(subject.id) else { return nil }
        do {
            let execution = try await workflows.execution(id, in: subject.workspace)
            var transcript = TextOfJSON(bytesMax: Self.transcriptBytesMax)
            // The tasks of one that goes on are looked at when it has ended.
            if execution.status.hasEnded {
                let tasks = try await workflows.tasks(of: id, limit: Self.tasksMax, in: subject.workspace)
                for task in tasks.items where !transcript.isFull {
                    transcript.add(task.summary.name)
                    if let output = task.output { transcript.add(output) }
                    if let fault = task.summary.fault { transcript.add(fault.json) }
                }
            }
            return SearchDocument(
                id: subject.id,
                fields: [
                    "workflow": .string(execution.workflow.description),
                    "workflow_id": .string(execution.workflow.description), "version": .string(execution.version),
                    "status": .string(execution.status.name),
                    "input": .string(TextOfJSON.text(of: execution.input, bytesMax: Self.valueBytesMax)),
                    "output": .string(TextOfJSON.text(of: execution.output, bytesMax: Self.valueBytesMax)),
                    "error": .string(TextOfJSON.text(of: execution.fault?.json, bytesMax: Self.valueBytesMax)),
                    "transcript": .string(transcript.text),
                    "created_at": .string(execution.createdAt.description),
                    "ended_at": execution.endedAt.map { .string($0.description) } ?? .null,
                ])
        } catch let error as WorkflowError where error.code == .executionNotFound {
            return nil
        }
    }
}
