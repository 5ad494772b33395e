import CognitionCore
import Foundation
import Testing

/// Search from the command line, with and without a server.
@Suite("Search commands", .timeLimit(.minutes(3))) struct SearchCommandTests {
    @Test("What a server has indexed is searched, verified and made anew, by it and without it")
    func search() async throws {
        try await withSandbox { sandbox in
            let server = try await LiveServer.start(in: sandbox)
            let token = try await server.operatorToken()
            func send(_ method: String, _ path: String, _ body: JSONValue) async throws -> HTTPAnswer {
                try await server.send(
                    method, "/api/v3/" + path, token: token, type: "application/json", body: body.jsonBytes)
            }
            let made = try await send("PUT", "search/notes", ["fields": ["text": ["type": "text"]]])
            #expect(made.status == 201, "\(made)")
            let put = try await send(
                "POST", "search/notes/documents",
                ["documents": [["id": "a", "fields": ["text": "apples and\u{1B}[31m pears"]]]])
            #expect(put.status == 200, "\(put)")
            let waited = try await send("POST", "search/notes/query", ["wait_for_seq": put.json["seq"] ?? 0])
            #expect(waited.json["total"]?["value"] == 1, "\(waited)")
            // The documentation comes a moment after the start.
            while try await server.send("GET", "/api/v3/search/_documentation", token: token).status != 200 {
                try await Task.sleep(for: .milliseconds(20))
            }
            try await look(sandbox)
            _ = await server.stop()
            try await look(sandbox)
        }
    }

    private func look(_ sandbox: Sandbox) async throws {
        let found = try await sandbox.run("search", "query", "notes", "apples")
        #expect(found.exitCode == 0 && found.output.contains("  a\n"), "\(found)")
        #expect(found.output.contains("text: apples") && !found.output.contains("\u{1B}"), "\(found)")
        #expect(found.errors.contains("1 found"), "\(found)")
        let json = try await sandbox.json("search", "query", "notes", "appels", "--explain", "--json")
        #expect(json["hits"]?[0]?["explanation"] != nil, "\(json)")
        let list = try await sandbox.run("search", "index", "list")
        #expect(list.output.contains("notes") && list.output.contains("1 documents, 1 fields"), "\(list)")
        #expect(list.output.contains("_documentation"), "\(list)")
        let suggested = try await sandbox.run("search", "suggest", "notes", "app")
        #expect(suggested.output == "apples\n", "\(suggested)")
        let verified = try await sandbox.run("search", "verify", "notes")
        #expect(verified.exitCode == 0 && verified.output.contains("holds what the database holds"), "\(verified)")
        #expect(try await sandbox.run("search", "rebuild", "notes").exitCode == 0)
        #expect(try await sandbox.json("search", "analytics", "notes", "--json")["indexed_documents"] == 1)
        for command in ["query", "verify", "rebuild", "analytics"] {
            let none = try await sandbox.run("search", command, "nothing")
            #expect(none.exitCode == 1 && none.errors.contains("[search.index_not_found]"), "\(command): \(none)")
        }
        #expect(try await sandbox.run("search", "query", "notes", "--limit", "201").exitCode == 2)
    }
}
