import CognitionCore
import CognitionTestSupport
import CognitionWorkflows
import Synchronization
import Testing

@Suite("Texts of running tasks") struct TokenStreamTests {
    /// What a watcher has heard; it takes as soon as it is woken.
    private final class Listener: Sendable {
        private let heard = Mutex<[TokenUpdate]>([])
        private let wakes: AsyncStream<Void>
        private let wake: AsyncStream<Void>.Continuation
        private let watch: Mutex<TokenWatch?> = Mutex(nil)

        init(_ streams: TokenStreams, _ id: ExecutionID, in workspace: WorkspaceID = .default) {
            (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            let watch = streams.watch(id, in: workspace) { [wake] in wake.yield() }
            self.watch.withLock { $0 = watch }
        }

        var all: [TokenUpdate] {
            heard.withLock { heard in
                heard += watch.withLock { $0?.take() ?? [] }
                return heard
            }
        }

        /// Waits until something is heard that `isLast` takes.
        func hear(until isLast: (TokenUpdate) -> Bool) async {
            if all.contains(where: isLast) { return }
            for await _ in wakes where all.contains(where: isLast) { return }
        }

        func end() { watch.withLock { $0?.end() } }
    }

    private func isText(_ wanted: String) -> (TokenUpdate) -> Bool {
        { update in if case .text(let text, _) = update.change { text.hasSuffix(wanted) } else { false } }
    }

    @Test("Watchers get them as they come, and nothing stays when the task has ended", arguments: TestDatabase.engines)
    func live(on engine: TestDatabase.Engine) async throws {
        let gate = Gate()
        let script = ScriptedFunction { invocation in
            invocation.tokens.write("Hello, ")
            await gate.pass()
            invocation.tokens.write("world")
        }
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database, script: script)
            try await harness.running {
                let id = try await harness.execute(workflow("speaks", "1.0.0", "- say: {call: script, with: {n: 1}}"))
                let streams = harness.workflows.tokens
                let (listener, stranger) = (Listener(streams, id), Listener(streams, id, in: WorkspaceID("other")))
                await listener.hear(until: isText("Hello, "))
                let late = Listener(streams, id)
                gate.open()
                _ = try await harness.end(of: id)
                let expected = [
                    TokenUpdate(task: 1, name: "say", attempt: 1, .text("Hello, ", offset: 0)),
                    TokenUpdate(task: 1, name: "say", attempt: 1, .text("world", offset: 7)),
                ]
                #expect(listener.all == expected)
                #expect(late.all == [TokenUpdate(task: 1, name: "say", attempt: 1, .text("Hello, world", offset: 0))])
                #expect(stranger.all.isEmpty)
                for watcher in [listener, late, stranger] { watcher.end() }
                #expect(streams.isEmpty)
            }
        }
    }

    @Test("The text of an attempt that fails is taken back, and the next attempt's is told as its own")
    func retried() async throws {
        let (said, goOn) = (Gate(), Gate())
        let calls = Mutex(0)
        let script = ScriptedFunction { invocation in
            let call = calls.withLock { calls in
                calls += 1
                return calls
            }
            invocation.tokens.write("attempt \(call)")
            guard call == 1 else { return await goOn.pass() }
            await said.pass()
            throw WorkflowFault(.communication, "the line is dead")
        }
        let document = workflow(
            "retried", "1.0.0",
            """
            - a:
                try: [{say: {call: script, with: {n: 1}}}]
                catch: {retry: {delay: PT0.001S, limit: {attempt: {count: 3}}}}
            """)
        try await withTestDatabase(.sqliteMemory, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database, script: script)
            try await harness.running {
                let id = try await harness.execute(document)
                let listener = Listener(harness.workflows.tokens, id)
                await listener.hear(until: isText("attempt 1"))
                said.open()
                await listener.hear(until: isText("attempt 2"))
                goOn.open()
                _ = try await harness.end(of: id)
                let changes = listener.all.map(\.change)
                #expect(
                    changes == [
                        .text("attempt 1", offset: 0), .reset(reason: "the line is dead"),
                        .text("attempt 2", offset: 0),
                    ])
                listener.end()
                #expect(harness.workflows.tokens.isEmpty)
            }
        }
    }

    @Test("What is cut off is taken back")
    func cancelled() async throws {
        let script = ScriptedFunction { invocation in
            invocation.tokens.write("never ")
            try await Task.sleep(for: .seconds(3_600))
        }
        try await withTestDatabase(.sqliteMemory, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database, script: script)
            try await harness.running {
                let id = try await harness.execute(workflow("cut", "1.0.0", "- say: {call: script, with: {n: 1}}"))
                let listener = Listener(harness.workflows.tokens, id)
                await listener.hear(until: isText("never "))
                try await harness.workflows.cancel(id, as: .localOperator)
                await listener.hear { $0.change == .reset(reason: "the task was stopped") }
                _ = try await harness.end(of: id)
                listener.end()
                #expect(harness.workflows.tokens.isEmpty)
            }
        }
    }
}
