import CognitionCore
import CognitionEvents
import CognitionHTTP

/// Where projections are looked after: in this process on the data folder, or by the server that holds it.
protocol ProjectionDesk: Sendable {
    /// As `{items, next_cursor}`.
    func list() async throws -> JSONValue
    /// - Throws: `event.projection_unknown`, as the others.
    func show(_ name: String) async throws -> JSONValue
    /// - Throws: Also `event.projection_rebuilding`.
    func rebuild(_ name: String) async throws -> JSONValue
    func pause(_ name: String) async throws -> JSONValue
    func resume(_ name: String, skippingFailed: Bool) async throws -> JSONValue
    /// Events that were put aside, as `{items, next_cursor}`.
    func parked(_ name: String, _ page: PageWish) async throws -> JSONValue
}

enum ProjectionDesks {
    static func withDesk<Result>(
        _ configuration: ServerConfiguration, _ body: (any ProjectionDesk) async throws -> Result
    ) async throws -> Result {
        try await RemoteServer.withServer(configuration) { server in
            if let server { return try await body(RemoteProjectionDesk(server: server)) }
            return try await Node.withNode(configuration, .any) { node in
                try await body(
                    LocalProjectionDesk(
                        projections: Projections(
                            node.database, archives: node.log.archives, clock: node.clock)))
            }
        }
    }
}

private struct LocalProjectionDesk: ProjectionDesk {
    let projections: Projections

    func list() async throws -> JSONValue {
        Page(try await projections.list().map(ProjectionShape.init), next: nil).json
    }

    func show(_ name: String) async throws -> JSONValue {
        ProjectionShape(state: try await projections.state(of: name)).json
    }

    func rebuild(_ name: String) async throws -> JSONValue {
        try await projections.rebuild(name)
        return try await show(name)
    }

    func pause(_ name: String) async throws -> JSONValue {
        try await projections.pause(name)
        return try await show(name)
    }

    func resume(_ name: String, skippingFailed: Bool) async throws -> JSONValue {
        try await projections.resume(name, skippingFailed: skippingFailed)
        return try await show(name)
    }

    func parked(_ name: String, _ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map { try Cursor($0, of: "parked").key }
        let events = try await projections.parked(name, after: after ?? 0, limit: page.limit)
        let next = events.count == page.limit ? events.last.map { Cursor("parked", after: $0.position) } : nil
        return Page(events.map(ParkedEventShape.init), next: next).json
    }
}

private struct RemoteProjectionDesk: ProjectionDesk {
    let server: RemoteServer

    func list() async throws -> JSONValue { try await server.call("GET", "projections") }
    func show(_ name: String) async throws -> JSONValue { try await server.call("GET", "projections", name) }

    func rebuild(_ name: String) async throws -> JSONValue {
        try await server.call("POST", "projections", name, "rebuild")
    }

    func pause(_ name: String) async throws -> JSONValue {
        try await server.call("POST", "projections", name, "pause")
    }

    func resume(_ name: String, skippingFailed: Bool) async throws -> JSONValue {
        try await server.call(
            "POST", "projections", name, "resume", query: [("skip_failed", String(skippingFailed))])
    }

    func parked(_ name: String, _ page: PageWish) async throws -> JSONValue {
        try await server.call(
            "GET", "projections", name, "parked", query: [("limit", String(page.limit)), ("cursor", page.cursor)])
    }
}
