import CognitionCore
import Testing

/// Rooms from the command line.
@Suite("Room commands", .timeLimit(.minutes(3))) struct RoomCommandTests {
    @Test("A room is made, written to, read and deleted", arguments: [false, true])
    func rooms(withServer: Bool) async throws {
        try await withSandbox { sandbox in
            let server = withServer ? try await sandbox.serve() : nil
            let made = try await sandbox.json(
                "rooms", "create", "planning", "--history", "2", "--slow", "conflate", "--json")
            #expect(made["id"] == "planning" && made["owner"] == "operator", "\(made)")
            #expect(made["history"] == ["limit": 2] && made["slow"] == "conflate")
            for (content, offset) in [("one", 1), ("{\"n\": 2}", 2), ("3", 3)] as [(String, Int64)] {
                let sent = try await sandbox.json("rooms", "publish", "planning", content, "--json")
                #expect(sent["offset"] == .integer(offset), "\(sent)")
            }
            let again = try await sandbox.run("rooms", "publish", "planning", "four", "--key", "k", "--type", "chat")
            #expect(again.exitCode == 0 && again.output.hasPrefix("4  "), "\(again)")
            #expect(
                try await sandbox.json("rooms", "publish", "planning", "four", "--key", "k", "--json")["offset"] == 4)
            let history = try await sandbox.run("rooms", "history", "planning")
            #expect(history.output.contains("operator  chat  four") && !history.output.contains("one"), "\(history)")
            let page = try await sandbox.json("rooms", "history", "planning", "--after", "3", "--json")
            #expect(page["items"]?[0]?["content"] == "four" && page["last_offset"] == 4, "\(page)")
            let list = try await sandbox.run("rooms", "list")
            #expect(list.output.contains("planning") && list.output.contains("4 messages"), "\(list)")
            #expect(try await sandbox.json("rooms", "show", "planning")["last_offset"] == 4)
            #expect(try await sandbox.run("rooms", "members", "planning").output.contains("operator  owner  member"))
            let changed = try await sandbox.json(
                "rooms", "update", "planning", "--name", "Plans", "--history", "durable", "--revision", "0", "--json")
            #expect(changed["name"] == "Plans" && changed["history"] == "durable", "\(changed)")
            #expect(changed["slow"] == "conflate" && changed["revision"] == 1, "\(changed)")
            let late = try await sandbox.run("rooms", "update", "planning", "--private", "--revision", "0")
            #expect(late.exitCode == 1 && late.errors.contains("[realtime.room_changed]"), "\(late)")
            #expect(try await sandbox.run("rooms", "create", "x", "--slow", "never").exitCode == 2)
            #expect(try await sandbox.run("rooms", "create", "x", "--history", "0").exitCode == 2)
            #expect(try await sandbox.run("rooms", "delete", "planning").exitCode == 0)
            for command in [
                ["show", "planning"], ["history", "planning"], ["delete", "planning"], ["publish", "planning", "x"],
            ] {
                let none = try await sandbox.start(["rooms"] + command).ending()
                #expect(none.exitCode == 1 && none.errors.contains("[realtime.room_not_found]"), "\(command): \(none)")
            }
            try await server?.stop()
        }
    }
}
