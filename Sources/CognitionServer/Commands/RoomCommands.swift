import ArgumentParser
import CognitionCore
import CognitionHTTP
import CognitionRealtime

struct RoomCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rooms", abstract: "Makes, lists and watches rooms, and sends messages to them.",
        subcommands: [
            List.self, Show.self, Members.self, Create.self, Update.self, Delete.self, Publish.self, History.self,
            Watch.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists rooms, by their ids.")

        @OptionGroup var page: PageOptions
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                let answer = try await RoomDesks.withDesk(ServerConfiguration()) { try await $0.list(page.wish) }
                ListOutput(answer, json: json, empty: "no rooms").write(roomLine)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows a room as JSON.")

        @OptionGroup var room: RoomArgument

        func run() async throws {
            try await reporting {
                let answer = try await RoomDesks.withDesk(ServerConfiguration()) { try await $0.show(room.id) }
                Terminal.write(room.json ? answer.jsonText : answer.prettyJSONText)
            }
        }
    }

    struct Members: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists who belongs to a room or is in it.")

        @OptionGroup var room: RoomArgument
        @OptionGroup var page: PageOptions

        func run() async throws {
            try await reporting {
                let answer = try await RoomDesks.withDesk(ServerConfiguration()) {
                    try await $0.members(room.id, page.wish)
                }
                ListOutput(answer, json: room.json, empty: "nobody").write { member in
                    func flag(_ name: String) -> String { member[name]?.boolValue == true ? "  \(name)" : "" }
                    return (member["user"]?.stringValue ?? "") + flag("owner") + flag("member") + flag("present")
                }
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes a room.")

        @Argument(help: "Its id; made up unless given.") var id: String?
        @Flag(help: "Only members know of it.") var `private` = false
        @OptionGroup var settings: RoomOptions
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                var room = settings.members
                room["private"] = .bool(`private`)
                room["id"] = id.map(JSONValue.string)
                let body = JSONValue.object(room)
                let answer = try await RoomDesks.withDesk(ServerConfiguration()) { try await $0.create(body) }
                Terminal.write(json ? answer.jsonText : roomLine(answer))
            }
        }
    }

    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Changes what a room is like.")

        enum Access: String, EnumerableFlag {
            case `private`, `public`
        }

        @Argument(help: "The id of the room.") var id: String
        @Flag(help: "Whether only members know of it.") var access: Access?
        @OptionGroup var settings: RoomOptions
        @Option(help: "Only when the room is still at this revision.") var revision: Int64?
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                var change = settings.members
                change["private"] = access.map { .bool($0 == .private) }
                change["revision"] = revision.map(JSONValue.integer)
                // A name that is empty is none.
                if settings.name == "" { change["name"] = .null }
                let body = JSONValue.object(change)
                let answer = try await RoomDesks.withDesk(ServerConfiguration()) { try await $0.change(id, body) }
                Terminal.write(json ? answer.jsonText : roomLine(answer))
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Deletes a room and its messages.")

        @Argument(help: "The id of the room.") var id: String

        func run() async throws {
            try await reporting {
                try await RoomDesks.withDesk(ServerConfiguration()) { try await $0.delete(id) }
                Terminal.write("room \(id) is deleted")
            }
        }
    }

    struct Publish: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Sends a message to a room.")

        @Argument(help: "The id of the room.") var id: String
        @Argument(help: "What to send: JSON, or else a text.") var content: String
        @Option(help: "The message's type; `message` unless given.") var type: String?
        @Option(help: "The same key again is the same message.") var key: String?
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                var message: JSONObject = ["content": (try? JSONValue(parsing: content)) ?? .string(content)]
                message["type"] = type.map(JSONValue.string)
                message["idempotency_key"] = key.map(JSONValue.string)
                let body = JSONValue.object(message)
                let answer = try await RoomDesks.withDesk(ServerConfiguration()) { try await $0.publish(body, to: id) }
                Terminal.write(
                    json
                        ? answer.jsonText : "\(answer["offset"]?.integerValue ?? 0)  \(answer["id"]?.stringValue ?? "")"
                )
            }
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints messages of a room: the newest, or those after an offset.")

        @OptionGroup var room: RoomArgument
        @Option(help: "Those after this offset.") var after: Int64?
        @Option(help: "How many, at most 200.") var limit = 50

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
            if let after, after < 0 { throw ValidationError("--after is 0 or more.") }
        }

        func run() async throws {
            try await reporting {
                let wish = RoomHistoryWish(after: after, limit: limit)
                let answer = try await RoomDesks.withDesk(ServerConfiguration()) { try await $0.history(room.id, wish) }
                if room.json { return Terminal.write(answer.jsonText) }
                for message in answer["items"]?.arrayValue ?? [] { Terminal.write(messageLine(message)) }
            }
        }
    }

    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints messages of a room as they come, until it is ended.",
            discussion: "Begins with what comes next, or after an offset. Messages that are not kept any more are told."
        )

        @OptionGroup var room: RoomArgument
        @Option(help: "Begins after this offset.") var after: Int64?

        func validate() throws {
            if let after, after < 0 { throw ValidationError("--after is 0 or more.") }
        }

        func run() async throws {
            try await reporting {
                try await RoomDesks.withDesk(ServerConfiguration()) { desk in
                    var last = after
                    if last == nil { last = try await desk.show(room.id)["last_offset"]?.integerValue }
                    while true {
                        let wish = RoomHistoryWish(after: last, limit: 200, waitSeconds: 20)
                        for message in try await desk.history(room.id, wish)["items"]?.arrayValue ?? [] {
                            let offset = message["offset"]?.integerValue ?? 0
                            if let last, offset > last + 1 {
                                Terminal.write(
                                    room.json
                                        ? (["gap": ["from": .integer(last + 1), "to": .integer(offset - 1)]]
                                            as JSONValue).jsonText
                                        : "… \(last + 1) to \(offset - 1) are not kept any more")
                            }
                            Terminal.write(room.json ? message.jsonText : messageLine(message))
                            last = offset
                        }
                    }
                }
            }
        }
    }

    struct RoomArgument: ParsableArguments {
        @Argument(help: "The id of the room.") var id: String
        @Flag(help: "Prints JSON.") var json = false
    }
}

/// A room as a line for people.
private func roomLine(_ room: JSONValue) -> String {
    let name = room["name"]?.stringValue.map { "  \($0)" } ?? ""
    return
        "\((room["id"]?.stringValue ?? "").padding(to: 36))  \(room["private"]?.boolValue == true ? "private" : "public ")"
        + "  \(room["present"]?.integerValue ?? 0) present  \(room["last_offset"]?.integerValue ?? 0) messages" + name
}

/// A message as a line for people.
private func messageLine(_ message: JSONValue) -> String {
    func text(_ member: String) -> String { message[member]?.stringValue ?? "" }
    let content = message["content"]?.stringValue ?? message["content"]?.jsonText ?? ""
    return
        "\(message["offset"]?.integerValue ?? 0)  \(text("created_at"))  \(text("sender"))  \(text("type"))  \(content)"
}
