import CognitionCore
import CognitionHTTP
import CognitionRealtime

/// Where rooms are looked after: in this process on the data folder, or by the server that holds it.
protocol RoomDesk: Sendable {
    /// As `{items, next_cursor}`.
    func list(_ page: PageWish) async throws -> JSONValue
    /// - Throws: `realtime.room_not_found`, as the others.
    func show(_ id: String) async throws -> JSONValue
    /// As `{items, next_cursor}`.
    func members(_ id: String, _ page: PageWish) async throws -> JSONValue
    /// - Parameter room: As the body of `POST rooms`.
    func create(_ room: JSONValue) async throws -> JSONValue
    /// - Parameter change: As the body of `PATCH rooms/{id}`.
    func change(_ id: String, _ change: JSONValue) async throws -> JSONValue
    func delete(_ id: String) async throws
    /// - Parameter message: As the body of `POST rooms/{id}/messages`.
    func publish(_ message: JSONValue, to id: String) async throws -> JSONValue
    /// As `GET rooms/{id}/history` answers.
    func history(_ id: String, _ wish: RoomHistoryWish) async throws -> JSONValue
}

/// Which messages of a room are wanted.
struct RoomHistoryWish: Sendable {
    /// Those after this offset; else the newest.
    var after: Int64?
    var limit = 50
    /// How long to wait when there are none.
    var waitSeconds = 0
}

enum RoomDesks {
    static func withDesk<Result>(
        _ configuration: ServerConfiguration, _ body: (any RoomDesk) async throws -> Result
    ) async throws -> Result {
        try await RemoteServer.withServer(configuration) { server in
            if let server { return try await body(RemoteRoomDesk(server: server)) }
            return try await Node.withNode(configuration, .any) { node in
                let rooms = try await Rooms.open(node.database, clock: node.clock, ids: node.ids)
                return try await body(LocalRoomDesk(rooms: rooms))
            }
        }
    }
}

private struct LocalRoomDesk: RoomDesk {
    /// Between two looks for new messages: nobody else says that there are any.
    private static let look: Duration = .milliseconds(500)
    private static let caller = RoomCaller(user: Principal.localOperator.actor, principal: .localOperator)

    let rooms: Rooms

    func list(_ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map(RoomShape.place)
        let found = try await rooms.list(for: Self.caller, after: after ?? "", limit: page.limit + 1)
        return RoomShape.page(found, limit: page.limit).json
    }

    func show(_ id: String) async throws -> JSONValue { RoomShape(try await rooms.room(id, for: Self.caller)).json }

    func members(_ id: String, _ page: PageWish) async throws -> JSONValue {
        let after = try page.cursor.map(RoomMemberShape.place)
        let found = try await rooms.people(of: id, for: Self.caller, after: after ?? "", limit: page.limit + 1)
        return RoomMemberShape.page(found, limit: page.limit).json
    }

    func create(_ room: JSONValue) async throws -> JSONValue {
        let request = try RoomRequest(json: room)
        return RoomShape(try await rooms.create(request.id, request.settings, as: Self.caller)).json
    }

    func change(_ id: String, _ change: JSONValue) async throws -> JSONValue {
        let request = try RoomChangeRequest(json: change)
        return RoomShape(try await rooms.change(id, request.change, as: Self.caller)).json
    }

    func delete(_ id: String) async throws { try await rooms.delete(id, as: Self.caller) }

    func publish(_ message: JSONValue, to id: String) async throws -> JSONValue {
        let request = try MessageRequest(json: message)
        let room = try RoomName.parse(id)
        let publication = try Publication(
            to: room, request.content, type: request.type, idempotencyKey: request.idempotencyKey, from: Self.caller)
        guard let outcome = try await rooms.publish([publication]).first else { return .null }
        return PublishedShape(try outcome.get()).json
    }

    func history(_ id: String, _ wish: RoomHistoryWish) async throws -> JSONValue {
        let deadline = ContinuousClock.now + .seconds(wish.waitSeconds)
        while true {
            let page = try await rooms.history(
                of: id, wish.after.map(Rooms.Piece.after) ?? .newest, limit: wish.limit, for: Self.caller)
            if !page.messages.isEmpty || ContinuousClock.now >= deadline {
                return RoomHistoryShape(page: page, recovered: nil, goesOn: wish.after != nil).json
            }
            try await Task.sleep(for: Self.look)
        }
    }
}

private struct RemoteRoomDesk: RoomDesk {
    let server: RemoteServer

    func list(_ page: PageWish) async throws -> JSONValue {
        try await server.call("GET", "rooms", query: [("limit", String(page.limit)), ("cursor", page.cursor)])
    }

    func show(_ id: String) async throws -> JSONValue { try await server.call("GET", "rooms", id) }

    func members(_ id: String, _ page: PageWish) async throws -> JSONValue {
        try await server.call(
            "GET", "rooms", id, "members", query: [("limit", String(page.limit)), ("cursor", page.cursor)])
    }

    func create(_ room: JSONValue) async throws -> JSONValue {
        try await server.call("POST", "rooms", body: .json(room))
    }

    func change(_ id: String, _ change: JSONValue) async throws -> JSONValue {
        try await server.call("PATCH", "rooms", id, body: .json(change))
    }

    func delete(_ id: String) async throws { try await server.remove("rooms", id) }

    func publish(_ message: JSONValue, to id: String) async throws -> JSONValue {
        try await server.call("POST", "rooms", id, "messages", body: .json(message))
    }

    func history(_ id: String, _ wish: RoomHistoryWish) async throws -> JSONValue {
        try await server.call(
            "GET", "rooms", id, "history",
            query: [
                ("after", wish.after.map(String.init)), ("limit", String(wish.limit)),
                ("wait_seconds", wish.waitSeconds > 0 ? String(wish.waitSeconds) : nil),
            ])
    }
}
