import CognitionCore
import CognitionEvents
import CognitionHTTP

/// Where schemas of events are set and listed: in this process on the data folder, or by the server that holds it.
protocol EventSchemaDesk: Sendable {
    /// - Throws: `event.schema_incompatible`, `schema.invalid`.
    func set(
        _ schema: JSONValue, of type: String, version: Int, _ compatibility: EventSchema.Compatibility?
    ) async throws -> JSONValue
    /// - Throws: `event.schema_unknown`.
    func show(_ type: String, version: Int) async throws -> JSONValue
    /// As `{items, next_cursor}`.
    func list(_ type: String?, _ page: PageWish) async throws -> JSONValue
    /// - Throws: `event.schema_unknown`.
    func delete(_ type: String, version: Int) async throws
}

enum EventSchemaDesks {
    static func withDesk<Result>(
        _ configuration: ServerConfiguration, _ body: (any EventSchemaDesk) async throws -> Result
    ) async throws -> Result {
        try await RemoteServer.withServer(configuration) { server in
            if let server { return try await body(RemoteEventSchemaDesk(server: server)) }
            return try await Node.withNode(configuration, .any) {
                try await body(LocalEventSchemaDesk(schemas: $0.schemas))
            }
        }
    }
}

private struct LocalEventSchemaDesk: EventSchemaDesk {
    let schemas: EventSchemas

    func set(
        _ schema: JSONValue, of type: String, version: Int, _ compatibility: EventSchema.Compatibility?
    ) async throws -> JSONValue {
        let result = try await schemas.set(schema, of: type, version: version, compatibility, as: .localOperator)
        return EventSchemaShape(schema: result.schema).json
    }

    func show(_ type: String, version: Int) async throws -> JSONValue {
        EventSchemaShape(schema: try await schemas.schema(of: type, version: version, in: .default)).json
    }

    func list(_ type: String?, _ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map { try Cursor($0, of: "event-schemas").key }
        let found = try await schemas.list(after: after ?? 0, type: type, limit: page.limit, in: .default)
        let next = found.next.map { Cursor("event-schemas", after: $0) }
        return Page(found.items.map(EventSchemaShape.init), next: next).json
    }

    func delete(_ type: String, version: Int) async throws {
        try await schemas.delete(type, version: version, as: .localOperator)
    }
}

private struct RemoteEventSchemaDesk: EventSchemaDesk {
    let server: RemoteServer

    func set(
        _ schema: JSONValue, of type: String, version: Int, _ compatibility: EventSchema.Compatibility?
    ) async throws -> JSONValue {
        var body: JSONObject = ["schema": schema]
        if let compatibility { body["compatibility"] = .string(compatibility.rawValue) }
        return try await server.call(
            "PUT", "events", "types", type, "schemas", String(version), body: .json(.object(body)))
    }

    func show(_ type: String, version: Int) async throws -> JSONValue {
        try await server.call("GET", "events", "types", type, "schemas", String(version))
    }

    func list(_ type: String?, _ page: PageWish) async throws -> JSONValue {
        try await server.call(
            "GET", "events", "schemas",
            query: [("type", type), ("limit", String(page.limit)), ("cursor", page.cursor)])
    }

    func delete(_ type: String, version: Int) async throws {
        _ = try await server.call("DELETE", "events", "types", type, "schemas", String(version))
    }
}
