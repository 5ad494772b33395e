import CognitionCore
package import CognitionWorkflows
import HTTPTypes

/// When workflows start by themselves.
package struct ScheduleRoutes: RouteGroup {
    package static let tag = WorkflowRoutes.tag
    private let workflows: Workflows

    package init(workflows: Workflows) { self.workflows = workflows }

    package func routes(_ api: inout API) {
        api.route(
            .get, "workflows/{id}/schedule", parameters: [Path.workflow], answers: [.ok(ScheduleShape.self)],
            errors: [.notFound], access: .permission(.readWorkflows),
            summary: "Shows the schedule of a workflow's highest version, and when it starts next.",
            details: "404 with `workflow.no_schedule` when it has none.", use: show)
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        let id = try call.path(Path.workflow)
        return .ok(ScheduleShape(schedule: try await workflows.standingSchedule(of: id, in: call.workspace)))
    }
}

struct ScheduleShape: AnswerBody {
    let schedule: StandingSchedule

    var json: JSONValue { schedule.json }

    static let schemaName = "Schedule"
    static let schema: JSONValue = .record([
        "workflow_id": .text("`namespace.name`"), "version": .text("The version whose schedule it is."),
        "schedule": .anything("As the document has it."), "is_active": .flag("The workflow is not archived."),
        "next_at": .nullable(.moment), "last_execution_id": .nullable(.uuid), "last_at": .nullable(.moment),
    ])
    static let sample: JSONValue = [
        "workflow_id": "default.backup", "version": "1.0.0", "schedule": ["cron": "0 0 * * *"], "is_active": true,
        "next_at": "2026-11-22T00:00:00.000000Z", "last_execution_id": .null, "last_at": .null,
    ]
}
