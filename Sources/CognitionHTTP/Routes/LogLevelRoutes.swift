import CognitionCore
package import CognitionObservability
import HTTPTypes
import Logging

/// How much this server writes to its log; changed while it runs.
package struct LogLevelRoutes: RouteGroup {
    package static let tag = "Operation"
    private let levels: LogLevels

    package init(levels: LogLevels) { self.levels = levels }

    package func routes(_ api: inout API) {
        api.route(
            .get, "log-level", answers: [.ok(LogLevelShape.self)], access: .permission(.operate),
            summary: "Says which lines the log has.", use: show)
        api.route(
            .put, "log-level", body: LogLevelRequest.self, answers: [.ok(LogLevelShape.self)],
            access: .permission(.operate), summary: "Changes which lines the log has.",
            details: """
                For this node, at once, until it ends; `OBSERVABILITY_LOG_LEVEL` is what it begins with. \
                `cognitionos log-level debug` does the same.
                """, use: change)
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer { .ok(LogLevelShape(level: levels.current)) }

    @Sendable private func change(_ call: Call<LogLevelRequest>) async throws -> Answer {
        let (old, new) = (levels.current, call.body.level)
        levels.current = new
        if old != new {
            // Whatever the level is now: who changed it must not be a secret.
            Logger.current.log(
                level: max(new, .notice), "Log level changed",
                metadata: ["log.level": "\(new)", "log.level.before": "\(old)", "actor": "\(call.principal.actor)"])
        }
        return .ok(LogLevelShape(level: new))
    }
}
