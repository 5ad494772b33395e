import CognitionCore
import CognitionScheduler
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
        "schedule": .anything("As the document has it."), "is_active": .flag("It is neither archived nor paused."),
        "job_id": .text("The schedule among the jobs: `GET jobs/{id}`.", pattern: JobNames.idPattern),
        "next_at": .nullable(.moment), "runs_completed": .whole(0...(.max)), "runs_failed": .whole(0...(.max)),
        "last_run": JobShape.lastRun,
    ])
    static let sample: JSONValue = [
        "workflow_id": "default.backup", "version": "1.0.0", "schedule": ["cron": "0 0 * * *"], "is_active": true,
        "job_id": "workflow.default.backup", "next_at": "2026-11-22T00:00:00.000000Z", "runs_completed": 0,
        "runs_failed": 0, "last_run": .null,
    ]
}
