import CognitionCore
import CognitionStorage
import CognitionTestSupport
import Foundation
import Testing

/// What leaves the log by its age, seen from outside.
@Suite("Archives of events", .timeLimit(.minutes(5))) struct EventArchiveTests {
    private let retention = ["EVENTS_RETENTION": "*=30d"]
    private static let makeOlder: SQL = "UPDATE events SET time = time - 3456000000000"

    private func archives(_ sandbox: Sandbox) async throws -> JSONValue {
        try await sandbox.json("events", "archive", "list", "--json")
    }

    /// Waits until everybody who follows the log has come to its end.
    private func waitForFollowers(_ sandbox: Sandbox) async throws {
        while try await archives(sandbox)["held_by"] != .null { try await Task.sleep(for: .milliseconds(50)) }
    }

    /// Waits until `count` events are in archives and nowhere else.
    private func waitForArchived(_ count: Int64, _ sandbox: Sandbox) async throws -> [JSONValue] {
        while true {
            let items = try await archives(sandbox)["items"]?.arrayValue ?? []
            let archived = items.reduce(0) { $0 + ($1["events"]?.integerValue ?? 0) }
            if archived == count, items.allSatisfy({ $0["is_deleted"] == true }) { return items }
            try #require(archived <= count, "\(items)")
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func user(_ user: APIUser, on server: LiveServer) -> APIUser {
        APIUser(
            server: server, email: user.email, id: user.id, home: user.home, token: user.token,
            refreshToken: user.refreshToken)
    }

    private func lines(_ sandbox: Sandbox) async throws -> [JSONValue] {
        let ending = try await sandbox.run("events", "tail", "--after", "0", "--once")
        try #require(ending.exitCode == 0, "\(ending)")
        return try ending.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    @Test(
        "What has left is read over HTTP and by commands as before, is checked, and is told to be elsewhere where it is"
    )
    func reading() async throws {
        try await withSandbox { sandbox in
            let first = try await LiveServer.start(in: sandbox)
            for number in 1...4 {
                _ = try await sandbox.json(
                    "events", "append", "order/17", "order.placed", "--data", #"{"total": \#(number)}"#)
            }
            let owner = try await first.newUser()
            for number in Int64(1)...3 {
                let made = try await owner.post(
                    "streams/order/1", ["events": [["type": "order.placed", "data": ["n": .integer(number)]]]])
                #expect(made.status == 201)
            }
            try await owner.store("plain", do: "[{a: {set: {x: 1}}}]")
            let execution = try await owner.start("plain")
            _ = try await owner.status(of: execution) { $0 == "completed" }
            try await waitForFollowers(sandbox)
            let head = try #require(try await owner.get("events").json["head"]?.integerValue)
            _ = await first.stop()
            try await sandbox.changeDatabase(Self.makeOlder)

            func views(_ user: APIUser) async throws -> [JSONValue] {
                var views: [JSONValue] = []
                for path in [
                    "events?limit=200", "events?limit=200&direction=backward", "events?limit=200&type=order.placed",
                    "streams/order/1", "streams/order/1?direction=backward&limit=2", "streams/order/1/state",
                    "streams/order/1/state?version=2&provenance=true", "streams/order/1/changes?from=1&to=2",
                    "workflows/executions/\(execution)/events", "events/types",
                ] {
                    let answer = try await user.get(path)
                    #expect(answer.status == 200, "\(path): \(answer)")
                    views.append(answer.json)
                }
                return views
            }
            let before = try await lines(sandbox)
            let plain = try await LiveServer.start(in: sandbox)
            let seen = try await views(user(owner, on: plain))
            _ = await plain.stop()

            let second = try await LiveServer.start(in: sandbox, retention)
            let again = user(owner, on: second)
            // The events of the execution stay, as it is there.
            let kept = try #require(
                try await again.get("workflows/executions/\(execution)/events").json["items"]?.arrayValue)
            let items = try await waitForArchived(head - Int64(kept.count), sandbox)
            #expect(items.allSatisfy { $0["is_here"] == true } && items.first?["number"] == 1)
            #expect(try await views(again) == seen)
            #expect(try await lines(sandbox) == before)
            let verified = try await sandbox.run("events", "verify")
            #expect(verified.exitCode == 0 && verified.output.contains("in archives"), "\(verified)")
            let read = try await sandbox.run("events", "archive", "read", "1")
            #expect(read.output.split(separator: "\n").count == Int(items[0]["events"]?.integerValue ?? 0), "\(read)")
            let listed = try await sandbox.run("events", "archive", "list")
            #expect(listed.output.hasPrefix("1  positions 1 to "), "\(listed)")
            let none = try await sandbox.run("events", "archive", "read", "99")
            #expect(none.exitCode == 1 && none.errors.contains("[event.archive_unknown]"), "\(none)")
            let state = try await sandbox.json("events", "state", "order/17")
            #expect(state["state"] == ["total": 4] && state["version"] == 4)

            // The folder is not there: it is told so, and nothing is left out in silence.
            let folder = sandbox.dataFolder + "/events"
            try FileManager.default.moveItem(atPath: folder, toPath: folder + ".away")
            _ = await second.stop()
            let third = try await LiveServer.start(in: sandbox, ["EVENTS_RETENTION": ""])
            let reader = user(owner, on: third)
            for path in ["events", "streams/order/1", "streams/order/1/state", "streams/order/1/changes"] {
                try await reader.get(path).expectProblem(410, "event.archived")
            }
            try await reader.get("events?after=0", headers: [("Accept", "text/event-stream")])
                .expectProblem(410, "event.archived")
            #expect(try await reader.get("workflows/executions/\(execution)/events").json["items"]?.arrayValue == kept)
            let missing = try await sandbox.run("events", "verify")
            #expect(missing.exitCode == 1 && missing.output.contains("archiveMissing"), "\(missing)")
            let tail = try await sandbox.run("events", "tail", "--after", "0", "--once")
            #expect(tail.exitCode == 1 && tail.errors.contains("[event.archived]"), "\(tail)")
            try FileManager.default.moveItem(atPath: folder + ".away", toPath: folder)
            #expect(try await views(reader) == seen)
            _ = await third.stop()
        }
    }

    @Test("Copies of a database have what is noted of archives, and go together with the files")
    func copies() async throws {
        try await withSandbox { sandbox in
            let first = try await sandbox.serve()
            for number in 1...5 {
                _ = try await sandbox.json(
                    "events", "append", "order/17", "order.placed", "--event-id", Self.id(number))
            }
            try await waitForFollowers(sandbox)
            try await first.stop()
            try await sandbox.changeDatabase(Self.makeOlder)
            let before = try await lines(sandbox)
            if Sandbox.isEmbedded { #expect(try await sandbox.run("backup", "early.db").exitCode == 0) }
            let second = try await sandbox.serve(environment: retention)
            _ = try await waitForArchived(Int64(before.count), sandbox)
            try await second.stop()
            #expect(try await lines(sandbox) == before)
            guard Sandbox.isEmbedded else { return }
            #expect(try await sandbox.run("backup", "late.db").exitCode == 0)

            // What was archived since is in the database again, and the file is one that it does not know.
            #expect(try await sandbox.run("restore", "early.db").exitCode == 0)
            #expect(try await archives(sandbox)["items"] == [])
            #expect(try await lines(sandbox) == before)
            #expect(try await sandbox.run("events", "verify").exitCode == 0)
            #expect(try await sandbox.run("restore", "late.db").exitCode == 0)
            #expect(try await lines(sandbox) == before)
            #expect(try await sandbox.run("events", "verify").exitCode == 0)

            try await TestPostgres.withDatabase { url in
                let copied = try await sandbox.run("migrate", "--to", url)
                #expect(copied.exitCode == 0, "\(copied)")
                let verified = try await sandbox.run("events", "verify", environment: ["DATABASE_URL": url])
                #expect(
                    verified.exitCode == 0 && verified.output.hasPrefix("0 events and 5 in archives"), "\(verified)")
                let server = try await sandbox.serve(environment: retention.merging(["DATABASE_URL": url]) { $1 })
                let state = try await sandbox.run("events", "state", "order/17", environment: ["DATABASE_URL": url])
                #expect(try JSONValue(parsing: state.output)["version"] == 5)
                try await server.stop()
            }
        }
    }

    private static func id(_ number: Int) -> String { "0198f2c5-6b10-7c3a-9c1e-2f4b5a6d7e9\(number)" }

    @Test("A bus that is not used any more holds events back until it is forgotten")
    func bus() async throws {
        try await withSandbox { sandbox in
            _ = try await sandbox.json("events", "append", "order/17", "order.placed")
            let none = try await sandbox.run("bus", "forget")
            #expect(none.exitCode == 1 && none.errors.contains("[event.subscription_unknown]"), "\(none)")
            try await sandbox.changeDatabase(
                "INSERT INTO subscriptions (name, position, updated_at) VALUES ('bus.rabbitmq', 0, 0)")
            let listed = try await sandbox.run("events", "archive", "list")
            #expect(listed.errors.contains("nothing after position 0 is archived: bus.rabbitmq is there"), "\(listed)")
            let used = try await sandbox.run("bus", "forget", environment: ["RABBITMQ_HOST": "127.0.0.1"])
            #expect(used.exitCode == 1 && used.errors.contains("there is a bus"), "\(used)")
            #expect(try await sandbox.run("bus", "forget").exitCode == 0)
            #expect(try await archives(sandbox)["held_by"] == .null)
        }
    }

    @Test("A server that is killed while it archives loses nothing and has nothing twice")
    func kills() async throws {
        try await withSandbox { sandbox in
            let first = try await LiveServer.start(in: sandbox)
            let owner = try await first.newUser()
            for batch in 0..<14 {
                let events = (0..<1_000).map { number -> JSONValue in
                    ["type": "order.placed", "data": ["n": .integer(Int64(batch * 1_000 + number))]]
                }
                let made = try await owner.post("streams/order/\(batch)", ["events": .array(events)])
                #expect(made.status == 201, "\(made)")
            }
            try await waitForFollowers(sandbox)
            _ = await first.stop()
            try await sandbox.changeDatabase(Self.makeOlder)
            let count = try await sandbox.number("SELECT MAX(position) FROM events")
            let folder = sandbox.dataFolder + "/events"
            for round in 0..<5 {
                let server = try await sandbox.serve(environment: retention)
                let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
                let deadline = ContinuousClock.now + .seconds(5)
                while ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).count == files.count,
                    ContinuousClock.now < deadline
                {
                    try await Task.sleep(for: .milliseconds(2))
                }
                try await Task.sleep(for: .milliseconds(40 * round))
                await server.kill()
                let verified = try await sandbox.run("events", "verify")
                #expect(verified.exitCode == 0, "round \(round): \(verified)")
                // Its claim would run out by itself, after five minutes.
                try await sandbox.changeDatabase("UPDATE event_archiving SET owned_until = 0")
            }
            let last = try await sandbox.serve(environment: retention)
            _ = try await waitForArchived(count, sandbox)
            try await last.stop()
            let verified = try await sandbox.run("events", "verify")
            #expect(
                verified.exitCode == 0 && verified.output.contains("0 events and \(count) in archives"), "\(verified)")
            #expect(try await sandbox.number("SELECT CAST(sum(events) AS BIGINT) FROM event_archives") == count)
        }
    }

    @Test("Rules that are none keep the server from starting")
    func rules() async throws {
        try await withSandbox { sandbox in
            for rules in ["order.*", "order.*=1h", "Order.placed=30d", "a.b=30d,a.b=40d"] {
                let refused = try await sandbox.run("serve", environment: ["EVENTS_RETENTION": rules, "API_PORT": "0"])
                #expect(refused.exitCode == 1 && refused.errors.contains("EVENTS_RETENTION"), "\(refused)")
            }
            let checked = try await sandbox.run("check", environment: ["EVENTS_RETENTION": "a.*=30d, b.*=never"])
            #expect(checked.output.contains("EVENTS_RETENTION"), "\(checked)")
        }
    }
}
