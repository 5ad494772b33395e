import CognitionCore
import Foundation
import Testing

/// Streams and projections from the command line, with and without a server.
@Suite("Event commands", .timeLimit(.minutes(3))) struct EventCommandTests {
    @Test("A stream is written, read and summed up, and what it refuses is told", arguments: [false, true])
    func streams(withServer: Bool) async throws {
        try await withSandbox { sandbox in
            let server = withServer ? try await sandbox.serve() : nil
            let id = "0198f2c5-6b10-7c3a-9c1e-2f4b5a6d7e90"
            let first = try await sandbox.json(
                "events", "append", "order/17", "order.placed", "--data", #"{"total": 42}"#, "--event-id", id,
                "--expected-version", "none")
            #expect(first["version"] == 1 && first["events"]?[0]?["event_id"] == .string(id))
            let again = try await sandbox.json(
                "events", "append", "order/17", "order.placed", "--data", #"{"total": 42}"#, "--event-id", id)
            #expect(again["repeated"] == true && again["events"] == first["events"])
            let second = try await sandbox.json("events", "append", "order/17", "order.paid", "--data", #"{"paid": 1}"#)
            #expect(second["version"] == 2)
            let late = try await sandbox.run(
                "events", "append", "order/17", "order.paid", "--expected-version", "1")
            #expect(
                late.exitCode == 1 && late.errors.contains("has version 2, not 1 [event.version_conflict]"), "\(late)")
            let reserved = try await sandbox.run("events", "append", "user/1", "user.made")
            #expect(reserved.exitCode == 1 && reserved.errors.contains("[event.stream_reserved]"), "\(reserved)")
            for words in [
                ["order", "a.b"], ["order/1", "a.b", "--data", "{"], ["order/1", "a.b", "--expected-version", "x"],
            ] {
                let wrong = try await sandbox.start(["events", "append"] + words).ending()
                #expect(wrong.exitCode != 0 && wrong.output.isEmpty, "\(words): \(wrong)")
            }
            let read = try await sandbox.run("events", "read", "order/17", "--backward")
            let types = try read.output.split(separator: "\n").map { try JSONValue(parsing: String($0))["type"] }
            #expect(types == ["order.paid", "order.placed"])
            let state = try await sandbox.json("events", "state", "order/17", "--provenance")
            #expect(state["state"] == ["total": 42, "paid": 1] && state["provenance"]?["/paid"]?["version"] == 2)
            #expect(try await sandbox.json("events", "state", "order/17", "--version", "1")["state"] == ["total": 42])
            for command in ["read", "state"] {
                let none = try await sandbox.run("events", command, "order/18")
                #expect(none.exitCode == 1 && none.errors.contains("[event.stream_unknown]"), "\(none)")
            }
            let checked = try await sandbox.json("events", "check", "--json")
            #expect(checked["failures"] == [] && (checked["events"]?.integerValue ?? 0) >= 2, "\(checked)")
            let tail = try await sandbox.run("events", "tail", "--category", "order", "--once")
            #expect(tail.output.split(separator: "\n").count == 2, "\(tail)")
            try await server?.stop()
        }
    }

    @Test("Schemas are set and checked, with and without a server", arguments: [false, true])
    func schemas(withServer: Bool) async throws {
        try await withSandbox { sandbox in
            let server = withServer ? try await sandbox.serve() : nil
            let loose = try sandbox.file("loose.json", #"{"properties": {"total": {"type": "number"}}}"#)
            let strict = try sandbox.file("strict.json", #"{"properties": {"total": {"type": "integer"}}}"#)
            let made = try await sandbox.json("events", "schema", "set", "order.placed", "1", loose)
            #expect(made["revision"] == 1 && made["compatibility"] == "full")
            let refused = try await sandbox.run("events", "schema", "set", "order.placed", "1", strict)
            #expect(refused.exitCode == 1 && refused.errors.contains("type_narrowed"), "\(refused)")
            let set = try await sandbox.json(
                "events", "schema", "set", "order.placed", "1", strict, "--compatibility", "none")
            #expect(set["revision"] == 2)
            let bad = try await sandbox.run("events", "append", "order/1", "order.placed", "--data", #"{"total": 1.5}"#)
            #expect(bad.exitCode == 1 && bad.errors.contains("[event.schema_violated]"), "\(bad)")
            _ = try await sandbox.json("events", "append", "order/1", "order.placed", "--data", #"{"total": 1}"#)
            let shown = try await sandbox.json("events", "schema", "show", "order.placed", "1")
            #expect(shown["schema"]?["properties"]?["total"] == ["type": "integer"])
            let list = try await sandbox.run("events", "schema", "list", "--type", "order.placed")
            #expect(list.output.contains("order.placed 1") && list.output.contains("none"), "\(list)")
            #expect(try await sandbox.run("events", "schema", "delete", "order.placed", "1").exitCode == 0)
            let gone = try await sandbox.run("events", "schema", "show", "order.placed", "1")
            #expect(gone.exitCode == 1 && gone.errors.contains("[event.schema_unknown]"), "\(gone)")
            try await server?.stop()
        }
    }

    @Test("Projections are listed, paused, resumed and made anew")
    func projections() async throws {
        try await withSandbox { sandbox in
            let none = try await sandbox.run("projections", "list")
            #expect(none.exitCode == 0 && none.errors.contains("no projections"), "\(none)")
            let server = try await sandbox.serve()
            _ = try await sandbox.json("events", "append", "order/17", "order.placed")
            func show(until status: JSONValue, generation: JSONValue) async throws -> JSONValue {
                while true {
                    let shown = try await sandbox.run("projections", "show", "event_types", "--json")
                    if shown.exitCode == 0 {
                        let json = try JSONValue(parsing: shown.output)
                        if json["status"] == status, json["generation"] == generation { return json }
                    }
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            _ = try await show(until: "running", generation: 1)
            let list = try await sandbox.run("projections", "list")
            #expect(list.output.contains("event_types") && list.output.contains("generation 1"), "\(list)")
            #expect(try await sandbox.json("projections", "pause", "event_types", "--json")["status"] == "paused")
            try await server.stop()
            // Nobody is there to do it, so it is written down.
            #expect(try await sandbox.json("projections", "resume", "event_types", "--json")["status"] == "running")
            #expect(try await sandbox.json("projections", "rebuild", "event_types", "--json")["status"] == "rebuilding")
            let unknown = try await sandbox.run("projections", "pause", "other")
            #expect(unknown.exitCode == 1 && unknown.errors.contains("[event.projection_unknown]"), "\(unknown)")
            let next = try await sandbox.serve()
            _ = try await show(until: "running", generation: 2)
            let parked = try await sandbox.run("projections", "parked", "event_types")
            #expect(parked.errors.contains("no event was put aside"), "\(parked)")
            try await next.stop()
        }
    }
}
