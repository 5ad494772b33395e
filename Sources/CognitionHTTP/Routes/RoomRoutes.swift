import CognitionCore
package import CognitionIdentity
package import CognitionRealtime
import HTTPTypes
import ServiceLifecycle

/// Rooms, their members and their messages.
package struct RoomRoutes: RouteGroup {
    package static let tag = "Rooms"
    private let hub: RealtimeHub
    private let identity: Identity
    private var rooms: Rooms { hub.rooms }

    package init(hub: RealtimeHub, identity: Identity) {
        self.hub = hub
        self.identity = identity
    }

    package func routes(_ api: inout API) {
        roomRoutes(&api)
        memberRoutes(&api)
        messageRoutes(&api)
        api.route(
            .get, "realtime/stats", answers: [.ok(RealtimeStatsShape.self)], access: .permission(.readRooms),
            summary: "Tells what the connections of this server do now and did since it was started.", use: stats)
    }

    private func roomRoutes(_ api: inout API) {
        api.route(
            .post, "rooms", body: RoomRequest.self, answers: [.created(RoomShape.self)],
            errors: [.conflict, .limited], access: .permission(.manageRooms),
            summary: "Makes a room, of which one is the owner.",
            details: """
                Rooms `user:ID` and `workspace:NAME`, and those of scopes of one's own such as `framework:react`, need not be \
                made: they are there as soon as somebody uses them.
                """, use: create)
        api.route(
            .get, "rooms", parameters: [Query.limit, Query.cursor], answers: [.ok(Page<RoomShape>.self)],
            access: .permission(.readRooms), summary: "Lists the rooms that one sees, by their ids.", use: list)
        api.route(
            .get, "rooms/{id}", parameters: [Self.id], answers: [.ok(RoomShape.self)], errors: [.notFound],
            access: .permission(.readRooms), summary: "Shows a room.",
            details: "A private room is not there for those who are no members.", use: show)
        api.route(
            .patch, "rooms/{id}", body: RoomChangeRequest.self, parameters: [Self.id], answers: [.ok(RoomShape.self)],
            errors: [.notFound, .forbidden, .conflict], access: .permission(.manageRooms),
            summary: "Changes what a room is like.",
            details: """
                Its owner may, and admins; what is not named stays. With `revision` only when nothing has changed since. Whoever \
                is in it is told; a room that becomes private is left by those who are no members. A longer history begins with \
                what was kept until then.
                """, use: change)
        api.route(
            .delete, "rooms/{id}", parameters: [Self.id], answers: [.noContent], errors: [.notFound, .forbidden],
            access: .permission(.manageRooms), summary: "Deletes a room and its messages.",
            details: "Its owner may, and admins. Whoever is in it is told.", use: delete)
    }

    private func memberRoutes(_ api: inout API) {
        api.route(
            .get, "rooms/{id}/members", parameters: [Self.id, Query.limit, Query.cursor],
            answers: [.ok(Page<RoomMemberShape>.self)], errors: [.notFound], access: .permission(.readRooms),
            summary: "Lists the owner, the members and those who are in the room, by user.", use: members)
        api.route(
            .post, "rooms/{id}/members/{user}", parameters: [Self.id, Self.user], answers: [.noContent],
            errors: [.notFound, .forbidden, .conflict], access: .permission(.manageRooms),
            summary: "Lets a user of the workspace into a room.", use: add)
        api.route(
            .delete, "rooms/{id}/members/{user}", parameters: [Self.id, Self.user], answers: [.noContent],
            errors: [.notFound, .forbidden], access: .permission(.readRooms), summary: "Takes a user out of a room.",
            details: "The owner and admins may, and everybody themselves. Who is in a private room leaves it at once.",
            use: remove)
    }

    private func messageRoutes(_ api: inout API) {
        let answers: [AnswerShape] = [
            .created(PublishedShape.self, "It is durable, with this number."),
            .ok(PublishedShape.self, "It was there already, by its idempotency key."),
        ]
        api.route(
            .post, "rooms/{id}/messages", body: MessageRequest.self, parameters: [Self.id], answers: answers,
            errors: [.notFound, .forbidden, .unavailable], access: .permission(.publishToRooms),
            summary: "Sends a message to a room.", use: publish)
        api.route(
            .post, "users/{id}/messages", body: MessageRequest.self, parameters: [Self.member], answers: answers,
            errors: [.notFound, .unavailable], access: .permission(.publishToRooms),
            summary: "Sends a message to a user of the workspace, on all devices.",
            details: "It goes to the room `user:ID`, which only that user reads.", use: publishToUser)
        api.route(
            .post, "workspaces/{id}/messages", body: MessageRequest.self, parameters: [Self.workspace],
            answers: answers, errors: [.notFound, .forbidden, .unavailable], access: .credential,
            summary: "Sends a message to everybody in a workspace.",
            details: "Needs `rooms:publish` and `workspace:manage` there. It goes to the room `workspace:NAME`.",
            use: publishToWorkspace)
        api.route(
            .get, "rooms/{id}/history",
            parameters: [
                Self.id, Self.after, Self.before, Self.epoch, Self.wait, Query.limit, Query.cursor, Self.lastEventID,
            ],
            answers: [
                .okOrEvents(RoomHistoryShape.self, "Messages, rising; or all that come, as server-sent events.")
            ], errors: [.notFound], access: .permission(.readRooms),
            summary: "Reads the messages of a room, or follows it.",
            details: """
                Of `execution:ID`, `workflow:NAME`, `job:ID`, `queue:NAME` and `jobs:WORKSPACE` it is what the log tells, \
                with the log's epoch and positions; of those, the permission to see what is told of is needed. A page of \
                them may have fewer messages than `limit` where `next_cursor` says that more of the log is to be looked through.

                Without `after`, `before` and `cursor` the newest. `wait_seconds` waits for a message when there is none after \
                `after`. `recovered` is false when messages after `after` are not kept any more, or `epoch` is not the room's.

                With `Accept: text/event-stream` the answer goes on without an end: `message` as over a WebSocket, and `gap` \
                for messages that are not kept any more. It begins after `Last-Event-ID` or `after`, else with what comes next.
                """, use: history)
    }

    // MARK: Parameters

    private static let id = Parameter<String>(
        "id", in: .path, .text(pattern: RoomName.pattern), "The room's id.",
        read: { (1...160).contains($0.utf8.count) ? $0 : nil })
    private static let user = Parameter.text("user", in: .path, "The user's id.", bytesMax: 100)
    private static let member = Parameter<UserID>("id", in: .path, .uuid, "The user's id.", read: UserID.init)
    private static let workspace = Parameter.text("id", in: .path, "The workspace's name.", bytesMax: 63)
    private static let after = offset("after", "Only messages after this offset; not with `cursor`.")
    private static let before = offset("before", "The last messages before this offset.")
    private static let epoch = Parameter.text("epoch", "The epoch that `after` is of.", bytesMax: 100)
    private static let wait = Parameter.whole(
        "wait_seconds", 0...60, "How long to wait for a message when there is none; 0 unless given.")
    private static let lastEventID = Parameter<RoomStream.Place>(
        "Last-Event-ID", in: .header, .text(length: 1...100), "Where a stream of server-sent events goes on.",
        read: RoomStream.Place.init)

    private static func offset(_ name: String, _ what: String) -> Parameter<Int64> {
        Parameter(name, in: .query, .whole(0...(.max)), what, read: { Int64($0).flatMap { $0 >= 0 ? $0 : nil } })
    }

    // MARK: Rooms

    @Sendable private func create(_ call: Call<RoomRequest>) async throws -> Answer {
        let room = try await rooms.create(call.body.id, call.body.settings, as: call.roomCaller)
        await hub.roomsChanged()
        return .created(RoomShape(room))
    }

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let after = try call.query(Query.cursor).map(RoomShape.place)
        let limit = try call.limit
        let found = try await rooms.list(for: call.roomCaller, after: after ?? "", limit: limit + 1)
        return .ok(RoomShape.page(found, limit: limit))
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        .ok(RoomShape(try await rooms.room(try call.path(Self.id), for: call.roomCaller)))
    }

    @Sendable private func change(_ call: Call<RoomChangeRequest>) async throws -> Answer {
        .ok(RoomShape(try await rooms.change(try call.path(Self.id), call.body.change, as: call.roomCaller)))
    }

    @Sendable private func delete(_ call: Call<Void>) async throws -> Answer {
        try await rooms.delete(try call.path(Self.id), as: call.roomCaller)
        await hub.roomsChanged()
        return .noContent
    }

    // MARK: Members

    @Sendable private func members(_ call: Call<Void>) async throws -> Answer {
        let after = try call.query(Query.cursor).map(RoomMemberShape.place)
        let limit = try call.limit
        let found = try await rooms.people(
            of: try call.path(Self.id), for: call.roomCaller, after: after ?? "", limit: limit + 1)
        return .ok(RoomMemberShape.page(found, limit: limit))
    }

    @Sendable private func add(_ call: Call<Void>) async throws -> Answer {
        _ = try await rooms.add(try user(call), to: try call.path(Self.id), as: call.roomCaller)
        return .noContent
    }

    @Sendable private func remove(_ call: Call<Void>) async throws -> Answer {
        try await rooms.remove(try user(call), from: try call.path(Self.id), as: call.roomCaller)
        return .noContent
    }

    /// Ids are one whatever the case of their digits.
    private func user(_ call: Call<Void>) throws -> String {
        let user = try call.path(Self.user)
        guard !user.utf8.contains(0) else { throw RealtimeError(.memberUnknown, "there is no such user") }
        return UserID(user)?.description ?? user
    }

    // MARK: Messages

    @Sendable private func publish(_ call: Call<MessageRequest>) async throws -> Answer {
        let id = try call.path(Self.id)
        return try await send(call.body, to: try RoomName.parse(id), as: call.roomCaller, call)
    }

    @Sendable private func publishToUser(_ call: Call<MessageRequest>) async throws -> Answer {
        let user = try call.path(Self.member)
        guard let room = RoomName.user(user.description) else {
            throw RealtimeError(.roomNotFound, "there is no user \(user)")
        }
        return try await send(call.body, to: room, as: call.roomCaller, call)
    }

    @Sendable private func publishToWorkspace(_ call: Call<MessageRequest>) async throws -> Answer {
        let id = WorkspaceID(try call.path(Self.workspace))
        // With the role that the caller has there.
        let caller = try await identity.caller(call.caller, in: id)
        guard caller.principal.may(.publishToRooms) else {
            throw RequestError(
                .permissionDenied, "your roles in this workspace do not include \(Permission.publishToRooms.rawValue)")
        }
        guard let room = RoomName.workspace(id) else {
            throw RealtimeError(.roomNotFound, "there is no workspace \(id)")
        }
        return try await send(call.body, to: room, as: caller.inRooms, call)
    }

    private func send(
        _ message: MessageRequest, to room: RoomName, as caller: RoomCaller, _ call: Call<MessageRequest>
    ) async throws -> Answer {
        // The message is written together with those of others, so its own key is what keeps it from being written twice.
        let (key, other) = (try call.idempotencyKey ?? message.idempotencyKey, message.idempotencyKey)
        guard other == nil || other == key else {
            throw RequestError(.parameterInvalid, "Idempotency-Key and idempotency_key are not the same")
        }
        let published = try await hub.publish(
            Publication(
                to: room, message.content, type: message.type, idempotencyKey: key, from: caller))
        return published.isRepeat ? .ok(PublishedShape(published)) : .created(PublishedShape(published))
    }

    @Sendable private func history(_ call: Call<Void>) async throws -> Answer {
        let (id, caller, limit) = (try call.path(Self.id), call.roomCaller, try call.limit)
        let (after, before, epoch) = (
            try call.query(Self.after), try call.query(Self.before), try call.query(Self.epoch)
        )
        let last = try call.header(Self.lastEventID)
        let cursor = try call.cursor(of: "history")?.key
        guard [after != nil, before != nil, cursor != nil].count(where: { $0 }) <= 1 else {
            throw RequestError(.parameterInvalid, "only one of after, before and cursor can be there")
        }
        let wait = try call.query(Self.wait) ?? 0
        if let topic = try hub.logRoom(id, for: caller) {
            let reader = LogRoomReader(hub: hub, identity: identity, topic: topic)
            if call.accepts(EventStream.mediaType) {
                return try await reader.stream(
                    since: last ?? after.map { RoomStream.Place(epoch: epoch, offset: $0) }, as: call.caller)
            }
            if let start = cursor ?? after {
                return .ok(try await reader.page(after: start, epoch: epoch, limit: limit, within: wait))
            }
            let piece = before.map(Rooms.Piece.before) ?? .newest
            return .ok(RoomHistoryShape(page: try await hub.history(of: topic, piece, limit: limit)))
        }
        if call.accepts(EventStream.mediaType) {
            let place = last ?? after.map { RoomStream.Place(epoch: epoch, offset: $0) }
            let stream = try await RoomStream.open(hub, id, as: caller, since: place) {
                [identity, caller = call.caller] in
                try await identity.mayGoOn(caller, with: .readRooms)
            }
            return Answer(.ok, .stream(mediaType: EventStream.mediaType) { try await stream.write(to: &$0) })
        }
        if let before {
            let page = try await rooms.history(of: id, .before(before), limit: limit, for: caller)
            return .ok(RoomHistoryShape(page: page, recovered: nil, goesOn: false))
        }
        guard let start = cursor ?? after else {
            let page = try await rooms.history(of: id, .newest, limit: limit, for: caller)
            return .ok(RoomHistoryShape(page: page, recovered: nil, goesOn: false))
        }
        let page = try await self.page(of: id, after: start, epoch, limit: limit, within: wait, as: caller)
        let isSame = epoch == nil || epoch == page.room.epoch
        let recovered = isSame && start >= page.room.firstOffset - 1 && start <= page.room.lastOffset
        return .ok(RoomHistoryShape(page: page, recovered: recovered, goesOn: true))
    }

    /// Messages after an offset; when there are none, those that come within some time.
    private func page(
        of id: String, after offset: Int64, _ epoch: String?, limit: Int, within seconds: Int, as caller: RoomCaller
    ) async throws -> RoomPage {
        func read() async throws -> RoomPage {
            let page = try await rooms.history(of: id, .after(offset), limit: limit, for: caller)
            guard epoch == nil || epoch == page.room.epoch, offset <= page.room.lastOffset else {
                return try await rooms.history(of: id, .newest, limit: limit, for: caller)
            }
            return page
        }
        let page = try await read()
        let isOther = epoch != nil && epoch != page.room.epoch
        guard seconds > 0, page.messages.isEmpty, !isOther else { return page }
        let deadline = ContinuousClock.now + .seconds(seconds)
        for await _ in try await hub.listen(to: id, as: caller) {
            let page = try await read()
            if !page.messages.isEmpty || ContinuousClock.now >= deadline || Task.isShuttingDownGracefully {
                return page
            }
        }
        return try await read()
    }

    @Sendable private func stats(_ call: Call<Void>) async throws -> Answer {
        .ok(RealtimeStatsShape(stats: hub.stats))
    }
}

extension Call {
    /// Whoever calls, as rooms know them.
    var roomCaller: RoomCaller { caller.inRooms }
}

extension Caller {
    var inRooms: RoomCaller { RoomCaller(user: user?.description ?? principal.actor, principal: principal) }
}
