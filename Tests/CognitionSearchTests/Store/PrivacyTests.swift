import CognitionCore
import CognitionSearch
import CognitionStorage
import CognitionTestSupport
import Testing

/// What others may not see must not show anywhere: not in hits, counts, facets, suggestions, corrections and analytics.
@Suite struct PrivacyTests {
    private static let settings = SearchSettings([
        "text": .text(), "tag": .keyword(isFacet: true),
    ])
    private static let manager: Set<Permission> = [.readSearch, .writeSearch, .manageSearch]

    private func answer(
        _ harness: SearchHarness, _ body: JSONObject, as caller: SearchCaller, in index: String = "notes"
    ) async throws -> JSONValue {
        let bytes = try await harness.search.query(index, .object(body), as: caller)
        return try JSONValue(parsing: String(decoding: bytes, as: UTF8.self))
    }

    private func suggestions(
        _ harness: SearchHarness, _ text: String, as caller: SearchCaller
    ) async throws -> [String] {
        try await harness.search.suggest(text, in: "notes", as: caller).map(\.text)
    }

    private func document(_ id: String, _ text: String, _ tag: String, roles: [String]? = nil) -> SearchDocument {
        SearchDocument(id: id, roles: roles, fields: ["text": .string(text), "tag": .string(tag)])
    }

    @Test("Nothing of another workspace shows", arguments: TestDatabase.engines)
    func workspaces(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, folder in
            let search = harness.search
            let (ours, theirs) = (SearchCaller.of("ours", Self.manager), SearchCaller.of("theirs", Self.manager))
            for caller in [ours, theirs] {
                _ = try await search.setIndex("notes", to: Self.settings, as: caller.principal)
            }
            let secret = try await search.put(
                [document("a", "the zanzibar expedition", "voyage")], into: "notes", as: theirs.principal)
            let own = try await search.put(
                [document("b", "a garden party", "leisure")], into: "notes", as: ours.principal)
            func ask(_ query: String, _ caller: SearchCaller) async throws -> JSONValue {
                let sequence = caller.principal == ours.principal ? own.sequence : secret.sequence
                return try await answer(
                    harness, ["query": .string(query), "facets": ["tag"], "wait_for_seq": .integer(sequence)],
                    as: caller)
            }
            #expect(try await ask("zanzibar", theirs)["total"]?["value"] == 1)
            #expect(try await ask("zanzibqr", theirs)["did_you_mean"] == "zanzibar")
            #expect(try await suggestions(harness, "zanz", as: theirs) == ["zanzibar"])
            for query in ["zanzibar", "zanzibqr", "zanz*", "*", "tag:voyage"] {
                let found = try await ask(query, ours)
                #expect(!found.jsonText.contains("zanzibar") && !found.jsonText.contains("voyage"), "\(found)")
                #expect(found["hits"]?.arrayValue?.allSatisfy { $0["id"] == "b" } == true, "\(found)")
            }
            #expect(try await suggestions(harness, "zanz", as: ours).isEmpty)
            let everywhere = try await answer(harness, ["query": "*"], as: ours, in: IndexName.all)
            #expect(everywhere["total"]?["value"] == 1)
            // What was looked for there, by as many as it takes to be kept.
            for person in 0..<3 {
                let principal = Principal(
                    actor: "user:\(person)", workspace: WorkspaceID("theirs"), permissions: Self.manager)
                _ = try await answer(
                    harness, ["query": "zanzibar"], as: SearchCaller(principal, roles: ["admin"]))
            }
            try await search.flushAnalytics()
            #expect(try await search.analytics(of: "notes", as: theirs).jsonText.contains("zanzibar"))
            // Somebody else, as everybody sees what they have looked for themselves.
            let colleague = SearchCaller(
                Principal(actor: "user:x", workspace: WorkspaceID("ours"), permissions: Self.manager), roles: ["admin"])
            #expect(try await !search.analytics(of: "notes", as: colleague).jsonText.contains("zanz"))
            #expect(try await search.indexes(after: "", limit: 10, as: ours).count == 1)
            await #expect(throws: SearchError.self) { try await search.document("a", of: "notes", as: ours) }
        }
    }

    @Test("Nothing of documents for other roles shows", arguments: TestDatabase.engines)
    func roles(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, folder in
            let search = harness.search
            let admin = SearchCaller.of("home", roles: ["admin"], Self.manager)
            let viewer = SearchCaller.of("home", roles: ["viewer"], [.readSearch])
            let user = SearchCaller.of("home", roles: ["user", "viewer"], [.readSearch, .writeSearch])
            _ = try await search.setIndex("notes", to: Self.settings, as: admin.principal)
            let written = try await search.put(
                [
                    document("open", "a xylem of wood", "public"),
                    document("staff", "staffing of the harbour", "internal", roles: ["user"]),
                    document("closed", "the xylophone scandal", "hidden", roles: ["admin"]),
                ], into: "notes", as: admin.principal)
            func ask(_ body: JSONObject, _ caller: SearchCaller) async throws -> JSONValue {
                var body = body
                body["wait_for_seq"] = .integer(written.sequence)
                body["facets"] = ["tag"]
                return try await answer(harness, body, as: caller)
            }
            #expect(try await ask(["query": "*"], admin)["total"]?["value"] == 3)
            #expect(try await ask(["query": "*"], user)["total"]?["value"] == 2)
            #expect(try await ask(["query": "*"], viewer)["total"]?["value"] == 1)
            let meant = try await ask(["query": "xylophnoe"], admin)
            #expect(meant["did_you_mean"] == "xylophone", "\(meant)")
            let asked: [JSONObject] = [
                ["query": "xylophone"], ["query": "xylophnoe"], ["query": "xylo*"], ["query": "*"],
                ["query": "scandal xylem"], ["query": "tag:hidden"], ["filters": ["tag": ["hidden", "public"]]],
                ["query": "scandals", "fuzzy": true], ["query": "xylem", "expand": true],
                ["query": "scandal", "highlight": true, "explain": true],
            ]
            for body in asked {
                let found = try await ask(body, viewer)
                let text = found.jsonText
                #expect(!text.contains("scandal") && !text.contains("hidden"), "\(found)")
                #expect(!text.contains("xylophone"), "\(found)")
                #expect(found["hits"]?.arrayValue?.allSatisfy { $0["id"] == "open" } == true, "\(found)")
            }
            let why = try await ask(["query": "xylem", "why_not": "closed"], viewer)["why_not"]
            let whyNone = try await ask(["query": "xylem", "why_not": "nobody"], viewer)["why_not"]
            #expect(why?.stringValue?.replacing("closed", with: "nobody") == whyNone?.stringValue)
            await #expect(throws: SearchError.self) { try await search.document("closed", of: "notes", as: viewer) }
            #expect(try await suggestions(harness, "xyl", as: viewer) == ["xylem"])
            #expect(try await Set(suggestions(harness, "xyl", as: admin)) == ["xylem", "xylophone"])
            // Several admins look for it with success: it may be offered to those who could find it, and to nobody else.
            for person in 0..<3 {
                let principal = Principal(
                    actor: "user:\(person)", workspace: WorkspaceID("home"), permissions: Self.manager)
                _ = try await answer(
                    harness, ["query": "xylophone scandal"], as: SearchCaller(principal, roles: ["admin"]))
            }
            try await search.flushAnalytics()
            let later = SearchHarness(harness.database, folder: folder + "/later")
            #expect(try await suggestions(later, "xylophone s", as: admin).contains("xylophone scandal"))
            #expect(try await suggestions(later, "xylophone s", as: viewer).isEmpty)
            #expect(try await suggestions(later, "xyl", as: viewer) == ["xylem"])
            await later.search.close()
        }
    }

    @Test("A document whose roles were changed is not shown by a copy that does not know yet")
    func staleRoles() async throws {
        try await SearchHarness.with(.sqliteFile) { harness, folder in
            let search = harness.search
            let admin = SearchCaller.of("home", roles: ["admin"], Self.manager)
            let viewer = SearchCaller.of("home", roles: ["viewer"], [.readSearch])
            _ = try await search.setIndex("notes", to: Self.settings, as: admin.principal)
            let written = try await search.put([document("a", "word", "x")], into: "notes", as: admin.principal)
            #expect(try await harness.find("word", reaching: written.sequence, as: viewer) == ["a"])
            // Another node writes, and this one has no runner that would tell its copy.
            let other = SearchHarness(harness.database, folder: folder + "/other")
            _ = try await other.search.put(
                [document("a", "word", "x", roles: ["admin"])], into: "notes", as: admin.principal)
            #expect(try await harness.find("word", as: viewer) == [])
            await other.search.close()
        }
    }

    @Test("Without the permission of the thing itself its index is not there")
    func platformIndexes() async throws {
        try await SearchHarness.with(.sqliteMemory) { harness, _ in
            let reader = SearchCaller.of("home", roles: ["viewer"], [.readSearch])
            for name in [IndexName.workflows, IndexName.executions, IndexName.users] {
                let error = await #expect(throws: SearchError.self) {
                    try await harness.search.query(name, [:], as: reader)
                }
                #expect(error?.code == .searchIndexNotFound)
            }
            let nobody = SearchCaller.of("home", roles: ["viewer"], [])
            await #expect(throws: SearchError.self) {
                try await harness.search.query(IndexName.documentation, [:], as: nobody)
            }
        }
    }
}
