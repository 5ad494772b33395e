import CognitionCore
import CognitionIdentity
package import CognitionObservability
import HTTPTypes

/// How the server is doing, for balancers and people. These are the only paths below `/api/v3` without a token.
package struct HealthRoutes: RouteGroup {
    package static let tag = "Health"
    package static let isLimited = false
    private let state: HealthState
    private let monitor: HealthMonitor

    package init(state: HealthState, monitor: HealthMonitor) {
        self.state = state
        self.monitor = monitor
    }

    package func routes(_ api: inout API) {
        api.route(
            .get, "health/live", answers: [.ok(LiveShape.self)], access: .open,
            summary: "Answers as long as the process does.", details: "Looks at nothing.", use: live)
        api.route(
            .get, "health/ready", answers: [.ok(ReadyShape.self), .unavailable(ReadyShape.self, "Not now.")],
            access: .open, summary: "Says whether requests should be sent here.",
            details: "Not while the server starts, migrates or ends, nor when something it cannot do without is down.",
            use: ready)
        api.route(
            .get, "health/system", answers: [.ok(SystemShape.self), .unavailable(SystemShape.self, "Unhealthy.")],
            access: .optional, summary: "Looks at everything that the server depends on, within 100 milliseconds.",
            details: "Who has a token with `server:operate` sees each check.", use: system)
    }

    @Sendable private func live(_ call: Call<Void>) async throws -> Answer { .ok(LiveShape()) }

    @Sendable private func ready(_ call: Call<Void>) async throws -> Answer {
        guard state.isReady else { return Self.answer(ReadyShape(phase: state.phase, status: .unhealthy), .unhealthy) }
        let status = await monitor.system().status
        return Self.answer(ReadyShape(phase: state.phase, status: status), status)
    }

    @Sendable private func system(_ call: Call<Void>) async throws -> Answer {
        let health = await monitor.system()
        let seesDetails = call.optionalCaller?.principal.may(.operate) ?? false
        return Self.answer(SystemShape(health: health, phase: state.phase, showsChecks: seesDetails), health.status)
    }

    /// Degraded still works.
    static func answer(_ body: some AnswerBody, _ status: HealthStatus) -> Answer {
        status == .unhealthy
            ? Answer(.serviceUnavailable, .bytes(body.json.jsonBytes, mediaType: Answer.json)) : .ok(body)
    }
}

/// `GET /health`, for whoever looks there first.
package struct RootHealthRoutes: RouteGroup {
    package static let tag = HealthRoutes.tag
    package static let isLimited = false
    private let state: HealthState
    private let monitor: HealthMonitor

    package init(state: HealthState, monitor: HealthMonitor) {
        self.state = state
        self.monitor = monitor
    }

    package func routes(_ api: inout API) {
        api.route(
            .get, "health", answers: [.ok(HealthShape.self), .unavailable(HealthShape.self, "Unhealthy.")],
            access: .open, summary: "Says in one word how the server is doing.", use: health)
        for part in [
            Part("event-store", "event_log", totals: ["total_events", "total_snapshots"]),
            Part("websocket", "websocket"),
            Part("scheduler", "scheduler", totals: ["running_jobs", "total_jobs", "metrics"]),
            Part("search", "search", totals: ["indexed_documents", "vocabulary_size"]),
        ] {
            api.route(
                .get, "health/\(part.path)",
                answers: [.ok(PartHealthShape.self), .unavailable(PartHealthShape.self, "Unhealthy.")],
                access: .optional, summary: "Says how one part of the server is doing: \(part.path).",
                details: "Who has a token with `server:operate` sees details.",
                use: { call in try await self.health(of: part, call) })
        }
    }

    /// A part of the server that is asked for by itself.
    private struct Part: Sendable {
        let path: String
        let check: String
        /// What anybody sees of its details.
        let totals: [String]

        init(_ path: String, _ check: String, totals: [String] = []) {
            self.path = path
            self.check = check
            self.totals = totals
        }
    }

    private func health(of part: Part, _ call: Call<Void>) async throws -> Answer {
        let result = await monitor.check(named: part.check)
        let status = state.isReady ? result?.status ?? .unhealthy : .unhealthy
        let seesDetails = call.optionalCaller?.principal.may(.operate) ?? false
        return HealthRoutes.answer(
            PartHealthShape(
                status: status,
                totals: JSONObject(
                    part.totals.compactMap { name in
                        result?.details[name].map { (name, $0) }
                    }), result: seesDetails ? result : nil), status)
    }

    @Sendable private func health(_ call: Call<Void>) async throws -> Answer {
        let status = state.isReady ? await monitor.system().status : .unhealthy
        return HealthRoutes.answer(HealthShape(status: status, phase: state.phase), status)
    }
}
