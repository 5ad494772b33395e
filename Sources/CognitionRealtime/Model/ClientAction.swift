package import CognitionCore

/// What a client wants, read from one text message.
package struct ClientAction: Sendable {
    package enum Kind: Sendable {
        case authenticate(token: Secret)
        case refresh(token: Secret)
        case subscribe(Target, since: FeedPlace?)
        case unsubscribe(Target)
        case publish(Message)
        case ping
        case stats
    }

    package enum Target: Sendable, Hashable {
        case execution(String)
        case workflow(String)
        case room(String)
    }

    /// What is to be sent to a room.
    package struct Message: Sendable {
        package let room: String
        package let content: JSONValue
        package let type: String?
        package let idempotencyKey: String?
    }

    package let kind: Kind
    /// The client's own name for this request, which the answer repeats: a text or a whole number.
    package let id: JSONValue?
    /// Whether a subscription to an execution also brings what its tasks are writing.
    package let wantsText: Bool
    /// Whether a subscription to a room also tells who comes and goes.
    package let wantsPresence: Bool
    /// Whether a subscription to a room counts for nothing there, as one that was not asked for.
    package let isQuiet: Bool

    package var isPublish: Bool { if case .publish = kind { true } else { false } }

    package static let idBytesMax = 100
    package static let nameBytesMax = 200
    package static let tokenBytesMax = 16 << 10

    private static let limits = JSONLimits(bytesMax: 1 << 20, depthMax: 64, allowsRepeatedNames: false)

    /// What could not be read; the answer names the request all the same, if it had a name.
    package struct Refusal: Error {
        package let error: RealtimeError
        package let id: JSONValue?
    }

    package init(parsing text: String) throws(Refusal) {
        let message: JSONValue
        do {
            message = try JSONValue(parsing: text, limits: ClientAction.limits)
        } catch {
            throw Refusal(error: RealtimeError(.actionInvalid, "a message is JSON: \(error.message)"), id: nil)
        }
        let reader = Reader(message: message, id: try ClientAction.readID(message))
        id = reader.id
        guard let name = message["action"]?.stringValue else {
            throw reader.invalid("a message is an object with the member \"action\"")
        }
        kind = try ClientAction.readKind(name, reader)
        wantsText = try reader.flag("tokens") ?? true
        wantsPresence = try reader.flag("presence") ?? true
        isQuiet = try reader.flag("quiet") ?? false
    }

    private static func readKind(_ name: String, _ reader: Reader) throws(Refusal) -> Kind {
        switch name {
        case "authenticate": return .authenticate(token: try reader.token())
        case "refresh": return .refresh(token: try reader.token())
        case "subscribe": return .subscribe(try reader.target(), since: try reader.since())
        case "unsubscribe": return .unsubscribe(try reader.target())
        case "ping": return .ping
        case "get_stats": return .stats
        case "publish": return .publish(try reader.roomMessage())
        default:
            throw reader.invalid(
                "the actions are authenticate, refresh, subscribe, unsubscribe, publish, ping and get_stats")
        }
    }

    private static func readID(_ message: JSONValue) throws(Refusal) -> JSONValue? {
        guard let id = message["id"], !id.isNull else { return nil }
        switch id {
        case .integer: return id
        case .string(let text) where text.utf8.count <= idBytesMax: return id
        default:
            throw Refusal(
                error: RealtimeError(
                    .actionInvalid, "\"id\" is a whole number or a text of at most \(idBytesMax) bytes"), id: nil)
        }
    }

    /// The members of one message.
    private struct Reader {
        let message: JSONValue
        let id: JSONValue?

        func token() throws(Refusal) -> Secret {
            guard let token = message["token"]?.stringValue, !token.isEmpty, token.utf8.count <= tokenBytesMax
            else { throw invalid("\"token\" is needed: a text of at most \(tokenBytesMax) bytes") }
            return Secret(token)
        }

        func target() throws(Refusal) -> Target {
            let execution = try name("execution_id")
            let workflow = try name("workflow_id")
            let room = try name("room")
            switch (execution, workflow, room) {
            case (let id?, nil, nil): return .execution(id)
            case (nil, let id?, nil): return .workflow(id)
            case (nil, nil, let id?): return .room(id)
            default: throw invalid("one of \"execution_id\", \"workflow_id\" and \"room\" is needed")
            }
        }

        func roomMessage() throws(Refusal) -> Message {
            guard let room = try name("room") else { throw invalid("\"room\" is needed") }
            guard let content = message["content"] else { throw invalid("\"content\" is needed; it may be any JSON") }
            return Message(
                room: room, content: content, type: try name("type"), idempotencyKey: try name("idempotency_key", 255))
        }

        func since() throws(Refusal) -> FeedPlace? {
            guard let since = message["since"], !since.isNull else { return nil }
            guard let epoch = since["epoch"]?.stringValue, epoch.utf8.count <= nameBytesMax,
                let offset = since["offset"]?.integerValue, offset >= 0
            else { throw invalid("\"since\" is {\"epoch\": text, \"offset\": number}, as an earlier message had them") }
            return FeedPlace(epoch: epoch, offset: offset)
        }

        func flag(_ member: String) throws(Refusal) -> Bool? {
            guard let value = message[member], !value.isNull else { return nil }
            guard let flag = value.boolValue else { throw invalid("\"\(member)\" is true or false") }
            return flag
        }

        private func name(_ member: String, _ bytesMax: Int = nameBytesMax) throws(Refusal) -> String? {
            guard let value = message[member], !value.isNull else { return nil }
            guard let name = value.stringValue, (1...bytesMax).contains(name.utf8.count) else {
                throw invalid("\"\(member)\" is a text of 1 to \(bytesMax) bytes")
            }
            return name
        }

        func invalid(_ text: String) -> Refusal { refusal(.actionInvalid, text) }

        func refusal(_ code: ErrorCode, _ text: String) -> Refusal {
            Refusal(error: RealtimeError(code, text), id: id)
        }
    }
}
