import CognitionCore
package import CognitionEvents
import HTTPTypes

/// Read models that are made of the log.
package struct ProjectionRoutes: RouteGroup {
    package static let tag = EventLogRoutes.tag
    private let projections: Projections
    /// Those of this program.
    private let known: [any Projection]
    private let log: EventLog

    package init(projections: Projections, known: [any Projection], log: EventLog) {
        self.projections = projections
        self.known = known
        self.log = log
    }

    package func routes(_ api: inout API) {
        api.route(
            .get, "events/types", parameters: [Query.limit, Query.cursor], answers: [.ok(Page<EventTypeShape>.self)],
            access: .permission(.readEvents),
            summary: "Lists the types of events in the workspace, in the order in which they first came.",
            details: "By the projection `event_types`, a moment behind the log.", use: types)
        api.route(
            .get, "projections", answers: [.ok(Page<ProjectionShape>.self)], access: .permission(.operate),
            summary: "Lists the projections of the server, and how they are doing.", use: list)
        api.route(
            .get, "projections/{name}", parameters: [Self.name], answers: [.ok(ProjectionShape.self)],
            errors: [.notFound], access: .permission(.operate), summary: "Shows how a projection is doing.", use: show)
        api.route(
            .post, "projections/{name}/rebuild", parameters: [Self.name],
            answers: [.accepted(ProjectionShape.self, "It is made anew beside what is read.")],
            errors: [.notFound, .conflict], access: .permission(.operate), summary: "Makes a projection anew.",
            details: """
                A second generation is made from the first event on, while the first is read; once it is as far, both are \
                exchanged at once, and the old rows are deleted.
                """, use: rebuild)
        api.route(
            .post, "projections/{name}/pause", parameters: [Self.name], answers: [.ok(ProjectionShape.self)],
            errors: [.notFound], access: .permission(.operate), summary: "Lets a projection stand still.", use: pause)
        api.route(
            .post, "projections/{name}/resume", parameters: [Self.name, Self.skip],
            answers: [.ok(ProjectionShape.self)], errors: [.notFound], access: .permission(.operate),
            summary: "Lets a projection go on that was paused, or that an event has stopped.", use: resume)
        parked(&api)
    }

    private func parked(_ api: inout API) {
        api.route(
            .get, "projections/{name}/parked", parameters: [Self.name, Query.limit, Query.cursor],
            answers: [.ok(Page<ParkedEventShape>.self)], errors: [.notFound], access: .permission(.operate),
            summary: "Lists events that a projection could not handle and has gone on without.", use: listParked)
        api.route(
            .post, "projections/{name}/parked/{position}/retry", parameters: [Self.name, Self.position],
            answers: [.noContent], errors: [.notFound, .conflict], access: .permission(.operate),
            summary: "Hands such an event to the projection once more.", use: retry)
        api.route(
            .delete, "projections/{name}/parked/{position}", parameters: [Self.name, Self.position],
            answers: [.noContent], errors: [.notFound], access: .permission(.operate),
            summary: "Lets go of such an event.", use: discard)
    }

    private static let name = Parameter.text("name", in: .path, "The projection's name.", bytesMax: 48)
    private static let position = Parameter<Int64>(
        "position", in: .path, .whole(1...(.max)), "The event's place in the log.",
        read: { Int64($0).flatMap { $0 >= 1 ? $0 : nil } })
    private static let skip = Parameter<Bool>(
        "skip_failed", in: .query, .flag(), "Goes on after the event that has stopped it, which is then never handled.",
        read: { ["true": true, "false": false][$0] })

    @Sendable private func types(_ call: Call<Void>) async throws -> Answer {
        let limit = try call.limit
        let types = try await log.types(
            in: call.workspace, after: try call.cursor(of: "event-types")?.key ?? 0, limit: limit)
        let next = types.count == limit ? types.last.map { Cursor("event-types", after: $0.first.position) } : nil
        return .ok(Page(types.map(EventTypeShape.init), next: next))
    }

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        .ok(Page(try await projections.list().map(ProjectionShape.init), next: nil))
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        .ok(ProjectionShape(state: try await projections.state(of: try call.path(Self.name))))
    }

    @Sendable private func rebuild(_ call: Call<Void>) async throws -> Answer {
        let name = try call.path(Self.name)
        try await projections.rebuild(name)
        return .accepted(ProjectionShape(state: try await projections.state(of: name)))
    }

    @Sendable private func pause(_ call: Call<Void>) async throws -> Answer {
        try await projections.pause(try call.path(Self.name))
        return try await show(call)
    }

    @Sendable private func resume(_ call: Call<Void>) async throws -> Answer {
        try await projections.resume(
            try call.path(Self.name), skippingFailed: try call.query(Self.skip) ?? false)
        return try await show(call)
    }

    @Sendable private func listParked(_ call: Call<Void>) async throws -> Answer {
        let limit = try call.limit
        let events = try await projections.parked(
            try call.path(Self.name), after: try call.cursor(of: "parked")?.key ?? 0, limit: limit)
        let next = events.count == limit ? events.last.map { Cursor("parked", after: $0.position) } : nil
        return .ok(Page(events.map(ParkedEventShape.init), next: next))
    }

    @Sendable private func retry(_ call: Call<Void>) async throws -> Answer {
        let name = try call.path(Self.name)
        // One that this program does not know is not there for it, which the state says.
        guard let projection = known.first(where: { $0.name == name }) else {
            _ = try await projections.state(of: name)
            throw EventError(.projectionUnknown, "this release has no projection named \(name)")
        }
        try await projections.retry(try call.path(Self.position), of: projection)
        return .noContent
    }

    @Sendable private func discard(_ call: Call<Void>) async throws -> Answer {
        try await projections.discard(try call.path(Self.position), of: try call.path(Self.name))
        return .noContent
    }
}
