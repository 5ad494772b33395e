import CognitionCore
package import CognitionEvents
import HTTPTypes

/// What the data of events looks like, by type and version.
package struct EventSchemaRoutes: RouteGroup {
    package static let tag = EventLogRoutes.tag
    private let schemas: EventSchemas

    package init(schemas: EventSchemas) { self.schemas = schemas }

    package func routes(_ api: inout API) {
        api.route(
            .get, "events/schemas", parameters: [Self.wanted, Query.limit, Query.cursor],
            answers: [.ok(Page<EventSchemaShape>.self)], access: .permission(.readEvents),
            summary: "Lists the schemas of events, in the order in which they first were set.", use: list)
        let place: [any AnyParameter] = [Self.type, Self.version]
        api.route(
            .get, "events/types/{type}/schemas/{version}", parameters: place, answers: [.ok(EventSchemaShape.self)],
            errors: [.notFound], access: .permission(.readEvents),
            summary: "Shows the schema of a type of events and one of its versions.", use: show)
        api.route(
            .put, "events/types/{type}/schemas/{version}", body: EventSchemaRequest.self, parameters: place,
            answers: [
                .created(EventSchemaShape.self, "There was none."),
                .ok(EventSchemaShape.self, "Set, or as it was."),
            ], errors: [.conflict, .limited, .unsupported], access: .permission(.manageWorkspace),
            summary: "Sets the schema of a type of events and one of its versions.",
            details: """
                Events that are appended from then on are checked against it. It is compared with the schema of the same \
                version, else of the nearest version before: `backward` wants that what fitted fits still, `forward` that \
                what fits now would have fitted before, `full` both; `none` compares nothing. A schema that breaks it is \
                refused with `event.schema_incompatible`, and `faults` has the place and the reason of each break.
                """, use: set)
        api.route(
            .delete, "events/types/{type}/schemas/{version}", parameters: place, answers: [.noContent],
            errors: [.notFound], access: .permission(.manageWorkspace), summary: "Deletes a schema of events.",
            details: "Events of that version are checked no longer.", use: delete)
    }

    private static let type = Parameter.text("type", in: .path, "The type, e.g. `order.placed`.", bytesMax: 200)
    private static let wanted = Parameter.text("type", "Only schemas of this type.", bytesMax: 200)
    private static let version = Parameter<Int>(
        "version", in: .path,
        .whole(EventSchemas.versions), "The version of the type.",
        read: { Int($0).flatMap { EventSchemas.versions.contains($0) ? $0 : nil } })

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let page = try await schemas.list(
            after: try call.cursor(of: "event-schemas")?.key ?? 0, type: try call.query(Self.wanted),
            limit: try call.limit, in: call.workspace)
        return .ok(
            Page(page.items.map(EventSchemaShape.init), next: page.next.map { Cursor("event-schemas", after: $0) }))
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        let schema = try await schemas.schema(
            of: try call.path(Self.type), version: try call.path(Self.version), in: call.workspace)
        return .ok(EventSchemaShape(schema: schema))
    }

    @Sendable private func set(_ call: Call<EventSchemaRequest>) async throws -> Answer {
        let (schema, isNew) = try await schemas.set(
            call.body.schema, of: try call.path(Self.type), version: try call.path(Self.version),
            call.body.compatibility, as: call.principal)
        return isNew ? .created(EventSchemaShape(schema: schema)) : .ok(EventSchemaShape(schema: schema))
    }

    @Sendable private func delete(_ call: Call<Void>) async throws -> Answer {
        try await schemas.delete(
            try call.path(Self.type), version: try call.path(Self.version), as: call.principal)
        return .noContent
    }
}
