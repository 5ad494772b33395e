import CognitionCore
import Foundation
import Testing

/// Commands beside a running server: they talk to it.
@Suite("Commands with a server", .timeLimit(.minutes(4))) struct RemoteCommandTests {
    private static let double = """
        document: {dsl: 1.0.3, namespace: tests, name: double, version: 0.2.0, title: Doubles a number}
        input: {schema: {document: {type: object, required: [n], properties: {n: {type: number}}}}}
        do:
          - double: {set: {n: '${ .n * 2 }'}}
          - rest: {wait: {milliseconds: 1}}
        """

    /// Waits for an answer that comes when a test says so, or never.
    private static func slow(_ peer: Peer) -> String {
        """
        document: {dsl: 1.0.3, namespace: tests, name: slow, version: 0.1.0}
        do:
          - begin: {wait: {milliseconds: 1}}
          - slow: {call: http, with: {method: get, endpoint: '\(peer.base)/slow'}}
          - end: {set: {done: true}}
        """
    }

    /// Runs `body` beside a server and a peer that answers nobody; `arrivals` tells of each request.
    private func withSlowPeer(
        _ body: @escaping @Sendable (Sandbox, RunningServer, _ arrivals: AsyncStream<Void>) async throws -> Void
    ) async throws {
        let arrivals = AsyncStream<Void>.makeStream()
        try await withPeer { connection in
            guard try await connection.request() != nil else { return }
            arrivals.continuation.yield()
            await connection.waitForEnd()
        } _: { peer in
            try await withSandbox { sandbox in
                _ = try sandbox.file("slow.yaml", Self.slow(peer))
                try await body(sandbox, try await sandbox.serve(), arrivals.stream)
            }
        }
    }

    // MARK: The same with and without

    @Test("A run prints the same with and without a server, and so do the lists")
    func sameOutput() async throws {
        try await withSandbox { sandbox in
            func keys(_ value: JSONValue?) -> [String] { value?.objectValue?.keys ?? [] }
            func outputs() async throws -> [[String]] {
                _ = try sandbox.file("double.yaml", Self.double)
                let run = try await sandbox.json("workflow", "run", "double.yaml", "--input", "n=21", "--json")
                #expect(run["status"] == "completed" && run["output"] == ["n": 42] && run["version"] == "0.2.0")
                let id = try #require(run["id"]?.stringValue)
                let shown = try await sandbox.json("execution", "show", id, "--json")
                #expect(shown == run)
                let text = try await sandbox.run("execution", "show", id)
                #expect(text.exitCode == 0 && text.output.contains("status     completed, 100 %"), "\(text)")
                #expect(text.output.contains("2    rest"), "\(text.output)")
                let executions = try await sandbox.json("execution", "list", "--json")
                let workflows = try await sandbox.json("workflow", "list", "--json")
                let lines = try await sandbox.run("workflow", "list")
                #expect(lines.output.contains("tests.double  0.2.0  active"), "\(lines)")
                return [
                    keys(run), keys(run["tasks"]?[1]), keys(executions), keys(executions["items"]?[0]),
                    keys(workflows), keys(workflows["items"]?[0]),
                ]
            }
            let local = try await outputs()
            let server = try await sandbox.serve()
            #expect(try await outputs() == local)
            try await server.stop()
            #expect(try await sandbox.json("execution", "list", "--json")["items"]?.arrayValue?.count == 2)
        }
    }

    @Test("In a pipe a run shows plain lines, and a faulted one ends with 1 and shows the error")
    func runInAPipe() async throws {
        try await withSandbox { sandbox in
            _ = try await sandbox.serve()
            _ = try sandbox.file("double.yaml", Self.double)
            let good = try await sandbox.run("workflow", "run", "double.yaml", "--input", "n=4")
            #expect(good.exitCode == 0, "\(good)")
            #expect(try JSONValue(parsing: good.output) == ["n": 8])
            for words in ["of tests.double 0.2.0", "rest completed", "execution completed"] {
                #expect(good.errors.contains(words), "\(good.errors)")
            }
            let bad = try await sandbox.run("workflow", "run", "double.yaml", "--input", "n=four")
            #expect(bad.exitCode == 1 && bad.output.isEmpty && bad.errors.contains("/errors/validation"), "\(bad)")
            let json = try await sandbox.run("workflow", "run", "double.yaml", "--input", "n=four", "--json")
            #expect(try json.exitCode == 1 && JSONValue(parsing: json.output)["status"] == "faulted")
        }
    }

    @Test("What the server refuses is told with its sentence and code")
    func refusals() async throws {
        try await withSandbox { sandbox in
            _ = try await sandbox.serve()
            _ = try sandbox.file("faulty.yaml", Self.double.replacing("* 2", with: "* "))
            let faulty = try await sandbox.run("workflow", "run", "faulty.yaml")
            #expect(faulty.exitCode == 1 && faulty.errors.contains("[workflow.definition_invalid]"), "\(faulty)")
            #expect(faulty.errors.contains("line 4, column"), "\(faulty.errors)")
            let unknown = "01999999-9999-7999-8999-999999999999"
            for verb in ["show", "watch", "cancel"] {
                let ending = try await sandbox.run("execution", verb, unknown)
                #expect(ending.exitCode == 1 && ending.output.isEmpty)
                #expect(
                    ending.errors.contains("there is no execution \(unknown) [workflow.execution_not_found]"),
                    "\(ending)")
            }
            _ = try sandbox.file("double.yaml", Self.double)
            let run = try await sandbox.json("workflow", "run", "double.yaml", "--input", "n=1", "--json")
            let ended = try await sandbox.run("execution", "cancel", try #require(run["id"]?.stringValue))
            #expect(ended.exitCode == 1 && ended.errors.contains("[workflow.execution_ended]"), "\(ended)")
            let cursor = try await sandbox.run("execution", "list", "--cursor", "x&limit=1")
            #expect(cursor.exitCode == 1 && cursor.errors.contains("[request.cursor_invalid]"), "\(cursor)")
        }
    }

    @Test("The cursor of a page is good with and without a server")
    func cursors() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("double.yaml", Self.double)
            for n in 1...3 {
                _ = try await sandbox.json("workflow", "run", "double.yaml", "--input", "n=\(n)", "--json")
            }
            func page(_ cursor: String?) async throws -> JSONValue {
                let more = cursor.map { ["--cursor", $0] } ?? []
                let ending = try await sandbox.start(["execution", "list", "--json", "--limit", "1"] + more).ending()
                #expect(ending.exitCode == 0, "\(ending)")
                return try JSONValue(parsing: ending.output)
            }
            let first = try await page(nil)
            let server = try await sandbox.serve()
            let second = try await page(first["next_cursor"]?.stringValue)
            try await server.stop()
            let third = try await page(second["next_cursor"]?.stringValue)
            #expect(third["next_cursor"] == .null)
            let ids = [first, second, third].compactMap { $0["items"]?[0]?["id"]?.stringValue }
            #expect(Set(ids).count == 3 && ids == ids.sorted(by: >))
        }
    }

    @Test("A document that was changed without a new version runs as what it is now")
    func revision() async throws {
        try await withSandbox { sandbox in
            let server = try await sandbox.serve()
            _ = try sandbox.file("double.yaml", Self.double)
            _ = try await sandbox.json("workflow", "run", "double.yaml", "--input", "n=1", "--json")
            _ = try sandbox.file("double.yaml", Self.double.replacing("* 2", with: "* 3"))
            let remote = try await sandbox.json(
                "workflow", "run", "double.yaml", "--input", "n=1", "--json", "--priority", "8")
            #expect(remote["output"] == ["n": 3] && remote["priority"] == 8)
            #expect(remote["version"]?.stringValue?.hasPrefix("0.2.0+") == true, "\(remote)")
            try await server.stop()
            let local = try await sandbox.json(
                "workflow", "run", "double.yaml", "--input", "n=1", "--json", "--priority", "0")
            #expect(local["version"] == remote["version"] && local["priority"] == 0)
            let refused = try await sandbox.run("workflow", "run", "double.yaml", "--priority", "10")
            #expect(refused.exitCode == 2, "\(refused)")
        }
    }

    // MARK: Long runs

    @Test("Two terminals: the second run goes on with the first one's execution, others watch and cancel it")
    func twoTerminals() async throws {
        try await withSlowPeer { sandbox, _, arrivals in
            let first = try sandbox.start("workflow", "run", "slow.yaml", "--input", "n=1", "--json")
            for await _ in arrivals { break }
            let list = try await sandbox.json("execution", "list", "--json", "--status", "running")
            let id = try #require(list["items"]?[0]?["id"]?.stringValue)
            let second = try sandbox.start("workflow", "run", "slow.yaml", "--input", "{\"n\": 1.0}")
            _ = try await second.errors.line { $0.hasPrefix("going on with execution \(id), in the server at") }
            let other = try sandbox.start("workflow", "run", "slow.yaml", "--input", "n=2")
            _ = try await other.errors.line { $0.hasPrefix("execution ") && !$0.contains(id) }
            let new = try sandbox.start("workflow", "run", "slow.yaml", "--input", "n=1", "--new")
            _ = try await new.errors.line { $0.hasPrefix("execution ") && !$0.contains(id) }
            let watcher = try sandbox.start("execution", "watch", id)
            _ = try await watcher.output.line { $0.contains("begin completed") }

            let cancelled = try await sandbox.run("execution", "cancel", id)
            #expect(cancelled.exitCode == 0 && cancelled.errors == "cancelled\n", "\(cancelled)")
            let ending = await first.ending()
            #expect(ending.exitCode == 1 && ending.errors.isEmpty, "\(ending)")
            let result = try JSONValue(parsing: ending.output)
            #expect(result["id"]?.stringValue == id && result["status"] == "cancelled")
            #expect(await second.ending().exitCode == 1)
            let watched = await watcher.ending()
            #expect(watched.exitCode == 0 && watched.output.contains("execution cancelled"), "\(watched)")
            let rest = try await sandbox.json("execution", "list", "--json", "--status", "running")
            #expect(rest["items"]?.arrayValue?.count == 2)
        }
    }

    @Test("An interrupted run goes on in the server", arguments: [true, false])
    func interrupt(showsProgress: Bool) async throws {
        try await withSlowPeer { sandbox, server, arrivals in
            let program = try sandbox.start(["workflow", "run", "slow.yaml"] + (showsProgress ? [] : ["--json"]))
            for await _ in arrivals { break }
            let list = try await sandbox.json("execution", "list", "--json")
            let id = try #require(list["items"]?[0]?["id"]?.stringValue)
            if showsProgress { _ = try await program.errors.line { $0.contains("begin completed") } }
            program.send(SIGINT)
            let ending = await program.ending()
            #expect(ending.exitCode == 130 && ending.output.isEmpty, "\(ending)")
            #expect(
                ending.errors.contains("execution \(id) goes on in the server at \(server.url)"), "\(ending.errors)")
            #expect(try await sandbox.json("execution", "show", id, "--json")["status"] == "running")
        }
    }

    @Test("When the server ends during a run, the command says what becomes of it")
    func serverEnds() async throws {
        try await withSlowPeer { sandbox, server, arrivals in
            let program = try sandbox.start("workflow", "run", "slow.yaml", "--json")
            for await _ in arrivals { break }
            await server.kill()
            let ending = await program.ending()
            #expect(ending.exitCode == 1 && ending.output.isEmpty, "\(ending)")
            #expect(ending.errors.contains("has ended; execution "), "\(ending.errors)")
            #expect(ending.errors.contains("is kept"), "\(ending.errors)")
        }
    }

    @Test("A stream of events that is cut off goes on after the last event, and a stranger's answer is said to be one")
    func cutStream() async throws {
        let id = "01999999-9999-7999-8999-999999999999"
        @Sendable func event(_ position: Int, _ type: String, _ status: String) -> String {
            let name = type.hasPrefix("task") ? ", \"task\": 1, \"name\": \"step\"" : ""
            return """
                id: \(position)
                event: \(type)
                data: {"type": "\(type)", "time": "2026-11-21T08:00:0\(position).000000Z", "data": {"status": "\(status)"\(name)}}


                """
        }
        try await withPeer { connection in
            while let request = try await connection.request() {
                switch request.path {
                case "/api/v3/health/live": try await connection.answer(json: "{\"status\": \"alive\"}")
                case "/api/v3/workflows/executions/\(id)":
                    #expect(request.headers["authorization"] == "Bearer a-token")
                    try await connection.answer(json: "{\"id\": \"\(id)\", \"status\": \"running\"}")
                case "/api/v3/workflows/executions/\(id)/events?tokens=false":
                    #expect(request.headers["accept"] == "text/event-stream")
                    let isFirst = request.headers["last-event-id"] == nil
                    #expect(isFirst || request.headers["last-event-id"] == "2")
                    let events =
                        isFirst
                        ? event(1, "execution.started", "running") + event(2, "task.started", "running") + "data: {\"ty"
                        : event(3, "task.completed", "running") + event(4, "execution.completed", "completed")
                    try await connection.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + events)
                    return
                default: try await connection.answer(json: "not JSON")
                }
            }
        } _: { peer in
            try await withSandbox { sandbox in
                try FileManager.default.createDirectory(atPath: sandbox.dataFolder, withIntermediateDirectories: true)
                // Somebody holds the lock, as a server does.
                let holder = try sandbox.start(
                    ["-x", "data/lock", "-c", "echo held; sleep 100"], executable: "/usr/bin/flock")
                _ = try await holder.output.line { $0 == "held" }
                for (name, text) in [("server.url", peer.base), ("operator.token", "a-token")] {
                    let path = try sandbox.file("data/" + name, text + "\n")
                    #expect(chmod(path, 0o600) == 0)
                }
                let watched = try await sandbox.run("execution", "watch", id)
                #expect(watched.exitCode == 0, "\(watched)")
                #expect(
                    watched.output.split(separator: "\n").map { $0.dropFirst(10) } == [
                        "step completed in 1.00 s", "execution completed",
                    ], "\(watched)")
                let list = try await sandbox.run("workflow", "list")
                #expect(list.exitCode == 1 && list.errors.contains("no server of this program"), "\(list)")
            }
        }
    }

    // MARK: Which server

    @Test("The files of a server that was killed are taken away, and commands work on the folder")
    func killed() async throws {
        try await withSlowPeer { sandbox, server, arrivals in
            await server.kill()
            #expect(sandbox.exists("server.url") && sandbox.exists("operator.token"))
            let list = try await sandbox.run("workflow", "list")
            #expect(list.exitCode == 0 && list.errors == "no workflows are stored\n", "\(list)")
            #expect(!sandbox.exists("server.url") && !sandbox.exists("operator.token"))

            // The next owner takes them away as well, so that nobody takes it for the server.
            let second = try await sandbox.serve()
            await second.kill()
            #expect(sandbox.exists("operator.token"))
            let program = try sandbox.start("workflow", "run", "slow.yaml")
            for await _ in arrivals { break }
            #expect(!sandbox.exists("server.url") && !sandbox.exists("operator.token"))
            let running = try await sandbox.json("execution", "list", "--json", "--status", "running")
            let id = try #require(running["items"]?[0]?["id"]?.stringValue)
            let cancelled = try await sandbox.run("execution", "cancel", id)
            #expect(cancelled.exitCode == 0 && cancelled.errors == "cancelled\n", "\(cancelled)")
            #expect(await program.ending().exitCode == 1)
        }
    }

    @Test("A token that the server refuses, or that others may read, is said to be")
    func token() async throws {
        try await withSandbox { sandbox in
            let server = try await sandbox.serve()
            let path = sandbox.dataFolder + "/operator.token"
            try "nonsense\n".write(toFile: path, atomically: false, encoding: .utf8)
            for arguments in [["workflow", "list"], ["execution", "list"], ["user", "lock", "a@b.c"]] {
                let ending = try await sandbox.start(arguments).ending()
                #expect(ending.exitCode == 1 && ending.output.isEmpty, "\(ending)")
                #expect(ending.errors.contains("refuses the operator token in \(path)"), "\(ending.errors)")
                #expect(ending.errors.contains("[identity.token_invalid]") && ending.errors.contains(server.url))
            }
            #expect(chmod(path, 0o644) == 0)
            let open = try await sandbox.run("workflow", "list")
            #expect(open.exitCode == 1 && open.errors.contains("can be read by others"), "\(open)")
        }
    }

    @Test("A server that stands still is named, and commands do not wait for it longer than some seconds")
    func stopped() async throws {
        try await withSandbox { sandbox in
            let server = try await sandbox.serve()
            server.program.send(SIGSTOP)
            let ending = try await sandbox.run("execution", "list")
            #expect(ending.exitCode == 1 && ending.output.isEmpty && ending.took < .seconds(15), "\(ending)")
            #expect(
                ending.errors.contains("\(server.url) (process \(server.program.id)) does not answer within 5s"),
                "\(ending.errors)")
            server.program.send(SIGCONT)
            #expect(try await sandbox.run("execution", "list").exitCode == 0)
            try await server.stop()
        }
    }

    // MARK: Commands of their own way

    @Test("The log and the database are read beside the server; what needs the folder itself says who has it")
    func besideTheServer() async throws {
        try await withSandbox { sandbox in
            let server = try await sandbox.serve()
            _ = try sandbox.file("double.yaml", Self.double)
            _ = try await sandbox.json("workflow", "run", "double.yaml", "--input", "n=1", "--json")
            let tail = try await sandbox.run("events", "tail", "--once")
            #expect(tail.exitCode == 0 && tail.output.contains("execution.completed"), "\(tail)")
            #expect(try await sandbox.run("events", "verify").exitCode == 0)
            // A server's database has tools of its own for it.
            if Sandbox.isEmbedded { #expect(try await sandbox.run("backup", "copy.db").exitCode == 0) }
            let restore = Sandbox.isEmbedded ? [["restore", "copy.db"]] : []
            for arguments in [["migrate"], ["serve", "--port", "0"]] + restore {
                let ending = try await sandbox.start(arguments).ending()
                #expect(ending.exitCode == 1 && ending.output.isEmpty, "\(arguments): \(ending)")
                #expect(ending.errors.contains("in use by process \(server.program.id)"), "\(arguments): \(ending)")
            }
            let demo = try await sandbox.run("demo", "--example", Binary.repository() + "/Examples/digest")
            #expect(
                demo.exitCode == 1 && demo.errors.contains("DATA_DIR=") && demo.errors.contains(server.url), "\(demo)")
        }
    }

    @Test("check says whether a server runs and where")
    func check() async throws {
        try await withSandbox { sandbox in
            let without = try await sandbox.run("check")
            #expect(without.exitCode == 0 && without.output.contains("no server runs on the data folder"), "\(without)")
            #expect(!FileManager.default.fileExists(atPath: sandbox.dataFolder), "check makes nothing")
            let server = try await sandbox.serve()
            let with = try await sandbox.run("check")
            #expect(with.output.contains("a server runs at \(server.url) (process \(server.program.id))"), "\(with)")
            let json = try await sandbox.json("check", "--json")
            #expect(json["server"] == ["url": .string(server.url), "process": .string("\(server.program.id)")])
            await server.kill()
            #expect(try await sandbox.json("check", "--json")["server"] == .null)
        }
    }

    @Test("openapi prints what the server answers, without a data folder")
    func openAPI() async throws {
        try await withSandbox { sandbox in
            let document = try await sandbox.json("openapi")
            #expect(document["openapi"] == "3.1.1" && document["paths"]?["/api/v3/workflows/execute"] != nil)
            #expect(!FileManager.default.fileExists(atPath: sandbox.dataFolder))
            let server = try await sandbox.serve()
            let served = try await sandbox.curl(server.url + "/openapi.json")
            #expect(served.status == 200 && served.json == document)
        }
    }
}
