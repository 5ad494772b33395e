import CognitionCore
import Testing

extension ServerTests {
    @Suite("What language models were used for") struct ModelUsageTests {
        private static let task =
            "[{ask: {call: llm, with: {provider: local, prompt: 'One fox. Two foxes run. Three foxes sleep.'}}}]"

        @Test("Calls are summed up by model, in their own workspace, by execution and by time")
        func usage() async throws {
            let (user, stranger) = (
                try await LiveServer.current.newUser(), try await LiveServer.current.newUser()
            )
            #expect(try await user.get("llm/usage").json["items"]?.arrayValue?.isEmpty == true)
            try await user.store("ask", do: Self.task)
            let first = try await user.run("ask").text("id")
            _ = try await user.run("ask")
            let all = try await items(user, "llm/usage")
            #expect(all.count == 1)
            #expect(all.first?["provider"] == "local" && all.first?["calls"] == 2 && all.first?["failures"] == 0)
            #expect((all.first?["input_tokens"]?.integerValue ?? 0) > 0)
            #expect(try await items(user, "llm/usage?execution=\(first)").first?["calls"] == 1)
            #expect(try await items(user, "llm/usage?since=2100-01-01T00:00:00Z").isEmpty)
            #expect(try await items(user, "llm/usage?provider=openai").isEmpty)
            #expect(try await items(stranger, "llm/usage?execution=\(first)").isEmpty)
            try await user.get("llm/usage?execution=x").expectProblem(400, "request.parameter_invalid")
        }

        private func items(_ user: APIUser, _ path: String) async throws -> [JSONValue] {
            try #require(try await user.get(path).json["items"]?.arrayValue)
        }
    }
}
