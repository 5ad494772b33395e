import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

@Suite("Events: emit, listen and signals") struct ListenTests {
    /// Each step gets an execution that listens on a new database; between steps another process may take over.
    private static func withListener(
        _ engine: TestDatabase.Engine, _ body: String, input: JSONValue = [:],
        _ steps: @escaping @Sendable (_ harness: EngineHarness, _ id: ExecutionID) async throws -> Void
    ) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            try await harness.running {
                let id = try await harness.execute(workflow(body), input: input)
                try await harness.settle(id)
                try await steps(harness, id)
            }
        }
    }

    @Test("One event of its filter ends the task; others do not", arguments: TestDatabase.engines)
    func one(on engine: TestDatabase.Engine) async throws {
        try await Self.withListener(
            engine, "- a: {listen: {to: {one: {with: {type: order.placed, data: '${ .total > 10 }'}}}}}"
        ) { harness, id in
            #expect(try await harness.publish("order.cancelled", ["total": 20]) == 0)
            #expect(try await harness.publish("order.placed", ["total": 5]) == 1)
            #expect(try await harness.publish("order.placed", ["total": 20, "n": 1]) == 1)
            let execution = try await harness.end(of: id)
            #expect(execution.output == [["total": 20, "n": 1]])
            #expect(try await harness.publish("order.placed", ["total": 30]) == 0)
            #expect(try await harness.count("SELECT COUNT(*) FROM execution_messages") == 0)
            #expect(try await harness.count("SELECT COUNT(*) FROM event_listeners") == 0)
        }
    }

    @Test("The whole event, or its data as text", arguments: ["envelope", "raw"])
    func reading(_ read: String) async throws {
        try await Self.withListener(
            .sqliteMemory, "- a: {listen: {read: \(read), to: {any: [{with: {type: t}}]}}}"
        ) { harness, id in
            _ = try await harness.publish("t", ["x": 1])
            let output = try await harness.end(of: id).output
            if read == "raw" {
                #expect(output == [#"{"x":1}"#])
            } else {
                #expect(output?.arrayValue?.first?["type"] == "t")
                #expect(output?.arrayValue?.first?["specversion"] == "1.0")
                #expect(output?.arrayValue?.first?["data"] == ["x": 1])
            }
        }
    }

    @Test("All events, whose correlation the first one sets", arguments: TestDatabase.engines)
    func all(on engine: TestDatabase.Engine) async throws {
        let body = """
            - a:
                listen:
                  to:
                    all:
                    - {with: {type: temperature}, correlate: {room: {from: .data.room}}}
                    - {with: {type: humidity}, correlate: {room: {from: .data.room}}}
            """
        try await Self.withListener(engine, body) { harness, id in
            _ = try await harness.publish("temperature", ["room": 1, "n": 1])
            try await harness.settle(id)
            _ = try await harness.publish("humidity", ["room": 2, "n": 2])
            _ = try await harness.publish("temperature", ["room": 1, "n": 3])
            _ = try await harness.publish("humidity", ["room": 1, "n": 4])
            #expect(try await harness.end(of: id).output == [["room": 1, "n": 1], ["room": 1, "n": 4]])
        }
    }

    @Test(
        "An expected correlation value leads an event to the executions that expect it", arguments: TestDatabase.engines
    )
    func correlation(on engine: TestDatabase.Engine) async throws {
        let document = workflow(
            """
            - a:
                listen:
                  to: {one: {with: {type: paid}, correlate: {order: {from: .data.order, expect: '${ .order }'}}}}
            """)
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            try await harness.running {
                var ids: [ExecutionID] = []
                for order in 1...3 {
                    ids.append(try await harness.execute(document, input: ["order": .integer(Int64(order))]))
                }
                for id in ids { try await harness.settle(id) }
                #expect(try await harness.publish("paid", ["order": 2, "by": "card"]) == 1)
                #expect(try await harness.end(of: ids[1]).output == [["order": 2, "by": "card"]])
                #expect(try await harness.publish("paid", ["order": 4]) == 0)
                #expect(try await harness.workflows.execution(ids[0], in: .default).status == .waiting)
            }
        }
    }

    @Test("Until a condition holds of what came so far", arguments: TestDatabase.engines)
    func untilCondition(on engine: TestDatabase.Engine) async throws {
        try await Self.withListener(engine, "- a: {listen: {to: {any: [], until: '(. | length) > 2'}}}") {
            harness, id in
            for n in 1...3 {
                _ = try await harness.publish("t\(n)", ["n": .integer(Int64(n))])
                // One at a time, so that the execution leaves the memory in between.
                if n < 3 { try await harness.settle(id) }
            }
            #expect(try await harness.end(of: id).output == [["n": 1], ["n": 2], ["n": 3]])
        }
    }

    @Test("Until another event, which is no part of the output", arguments: TestDatabase.engines)
    func untilEvent(on engine: TestDatabase.Engine) async throws {
        let body =
            "- a: {listen: {to: {any: [{with: {type: 'vital\\.(bpm|temp)'}}], until: {one: {with: {type: out}}}}}}"
        try await Self.withListener(engine, body) { harness, id in
            _ = try await harness.publish("vital.bpm", 1)
            _ = try await harness.publish("vital.size", 2)
            _ = try await harness.publish("vital.temp", 3)
            try await harness.settle(id)
            _ = try await harness.publish("out", 4)
            #expect(try await harness.end(of: id).output == [1, 3])
        }
    }

    @Test("Tasks for each event, in order, also across the end of a process", arguments: TestDatabase.engines)
    func forEach(on engine: TestDatabase.Engine) async throws {
        let body = """
            - a:
                listen: {to: {any: [{with: {type: chat}}], until: '. | length == 3'}}
                foreach:
                  item: message
                  at: i
                  do:
                  - say: {call: script, with: {text: '${ $message }', place: '${ $i }'}}
                  output: {as: '${ .text + $message }'}
            """
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let first = EngineHarness(database)
            let id = try await first.running {
                let id = try await first.execute(workflow(body))
                try await first.settle(id)
                _ = try await first.publish("chat", "a")
                try await first.settle(id)
                return id
            }
            let second = EngineHarness(database)
            let execution = try await second.running {
                _ = try await second.publish("chat", "b")
                _ = try await second.publish("chat", "c")
                return try await second.end(of: id)
            }
            #expect(execution.output == ["aa", "bb", "cc"])
            let places = (first.script.ledger + second.script.ledger).map { $0.split(separator: " ")[1] }
            #expect(
                places == [#"{"text":"a","place":0}"#, #"{"text":"b","place":1}"#, #"{"text":"c","place":2}"#])
        }
    }

    @Test("One execution emits what another listens for; the log has the event", arguments: TestDatabase.engines)
    func emit(on engine: TestDatabase.Engine) async throws {
        let body = "- a: {listen: {read: envelope, to: {one: {with: {type: greeted, source: 'https://e.org'}}}}}"
        try await Self.withListener(engine, body) { harness, id in
            let stored = try await harness.workflows.create(
                harness.workflows.validate(
                    workflow(
                        "other", "1.0.0",
                        "- b: {emit: {event: {with: {source: 'https://e.org', type: greeted, data: '${ .who }'}}}}")),
                as: .localOperator)
            let sender = try await harness.workflows.execute(
                ExecuteCommand(workflow: stored.id, input: ["who": "Ada"]), as: .localOperator, on: harness.engine)
            let event = try await harness.end(of: sender.id).output
            #expect(event?["data"] == "Ada")
            #expect(try await harness.end(of: id).output?.arrayValue?.first == event)
            let events = try await harness.events(of: StreamName("cloudevent", "greeted"))
            #expect(events.map(\.type) == ["cloudevent.published"])
        }
    }

    @Test("A signal is kept until a task listens for it", arguments: TestDatabase.engines)
    func signals(on engine: TestDatabase.Engine) async throws {
        let body = """
            - a: {listen: {to: {one: {with: {type: first}}}}}
            - b: {listen: {to: {one: {with: {type: second}}}}}
            """
        try await Self.withListener(engine, body) { harness, id in
            try await harness.workflows.signal("second", data: 2, to: id, as: .localOperator)
            try await harness.workflows.signal("nobody", data: 3, to: id, as: .localOperator)
            try await harness.settle(id)
            try await harness.workflows.signal("first", data: 1, to: id, as: .localOperator)
            #expect(try await harness.end(of: id).output == [2])
            await expect(.executionEnded) {
                try await harness.workflows.signal("first", data: 1, to: id, as: .localOperator)
            }
            #expect(try await harness.count("SELECT COUNT(*) FROM execution_messages") == 0)
        }
    }

    @Test("Signals that a task had accepted and did not need are there for the next", arguments: TestDatabase.engines)
    func signalsLeft(on engine: TestDatabase.Engine) async throws {
        let gate = Gate()
        let script = ScriptedFunction { _ in await gate.pass() }
        let document = workflow(
            """
            - first:
                listen: {to: {any: [{with: {type: a}}], until: 'length >= 1'}}
                foreach: {item: event, do: [{take: {call: script, with: {n: '${ $event }'}}}]}
            - then: {listen: {to: {any: [{with: {type: a}}], until: 'length >= 2'}}}
            """)
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database, script: script)
            try await harness.running {
                let id = try await harness.execute(document)
                for n in 1...3 {
                    try await harness.workflows.signal("a", data: .integer(Int64(n)), to: id, as: .localOperator)
                }
                await gate.arrival(of: 1)
                try await harness.eventually {
                    try await harness.count("SELECT COUNT(*) FROM execution_messages WHERE state = 2") == 3
                }
                gate.open()
                #expect(try await harness.end(of: id).output == [2, 3])
                #expect(script.ledger.count == 1)
                #expect(try await harness.count("SELECT COUNT(*) FROM execution_messages") == 0)
            }
        }
    }

    @Test("Filters that nobody listens with any more are deleted, and others kept", arguments: TestDatabase.engines)
    func unusedFilters(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database) { $0.retentionInterval = .milliseconds(20) }
            try await harness.running {
                var ids: [ExecutionID] = []
                for type in ["a", "b"] {
                    let document = workflow(type, "1.0.0", "- hear: {listen: {to: {one: {with: {type: \(type)}}}}}")
                    ids.append(try await harness.execute(document))
                    try await harness.settle(ids[ids.count - 1])
                }
                #expect(try await harness.publish("a", 1) == 1)
                _ = try await harness.end(of: ids[0])
                try await harness.eventually { try await harness.count("SELECT COUNT(*) FROM event_filters") == 1 }
                // Made again for whoever listens again.
                let again = try await harness.execute(
                    workflow("c", "1.0.0", "- hear: {listen: {to: {one: {with: {type: a}}}}}"))
                try await harness.settle(again)
                #expect(try await harness.publish("a", 2) == 1)
                #expect(try await harness.publish("b", 3) == 1)
                #expect(try await harness.end(of: again).output == [2])
                #expect(try await harness.end(of: ids[1]).output == [3])
            }
        }
    }

    @Test("However often filters come and go, no listener is without one", arguments: [TestDatabase.Engine.postgres])
    func filtersComeAndGo(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations, writers: 4) { database in
            let harness = EngineHarness(database) { $0.retentionInterval = .milliseconds(1) }
            let stored = try await harness.store("w", body: "- hear: {listen: {to: {one: {with: {type: go}}}}}")
            try await harness.running {
                for _ in 1...20 {
                    let ids = try await withThrowingTaskGroup(of: ExecutionID.self) { group in
                        for _ in 1...4 {
                            group.addTask {
                                try await harness.workflows.execute(
                                    ExecuteCommand(workflow: stored.id), as: .localOperator, on: harness.engine
                                ).id
                            }
                        }
                        return try await group.reduce(into: []) { $0.append($1) }
                    }
                    for id in ids { try await harness.settle(id) }
                    #expect(try await harness.publish("go", 1) == 4)
                    for id in ids { #expect(try await harness.end(of: id).output == [1]) }
                }
            }
        }
    }

    @Test("Lifecycle events reach those that listen for their type", arguments: TestDatabase.engines)
    func lifecycle(on engine: TestDatabase.Engine) async throws {
        let body = """
            - a:
                listen:
                  read: envelope
                  to:
                    all:
                    - with: {type: io.serverlessworkflow.workflow.started.v1}
                    - with: {type: io.serverlessworkflow.task.faulted.v1}
                    - with: {type: io.serverlessworkflow.workflow.faulted.v1}
            """
        try await Self.withListener(engine, body) { harness, id in
            let stored = try await harness.store(
                "failing",
                body:
                    "- t: {try: [{c: {call: script, with: {x: '${ error(\"no\") }'}}}], catch: {errors: {with: {status: 404}}}}"
            )
            let failing = try await harness.workflows.execute(
                ExecuteCommand(workflow: stored.id), as: .localOperator, on: harness.engine)
            let output = try #require(try await harness.end(of: id).output?.arrayValue)
            #expect(output.allSatisfy { $0["subject"] == .string(failing.id.description) })
            #expect(output[0]["data"]?["definition"]?["name"] == "failing")
            #expect(output[1]["data"]?["task"] == "/do/0/t/try/0/c")
            #expect(output[2]["data"]?["error"]?["status"] == 400)
        }
    }

    @Test("What is no event is refused")
    func invalid() async throws {
        try await Self.withListener(.sqliteMemory, "- a: {listen: {to: {any: []}}}") { harness, _ in
            for attributes: JSONValue in [
                [], ["type": "t"], ["source": "s"], ["source": "s", "type": ""],
                ["source": "s", "type": "t", "Big": 1],
                ["source": "s", "type": "t", "time": "yesterday"], ["source": "s", "type": "t", "x": ["y": 1]],
            ] {
                await expect(.cloudEventInvalid) { try await harness.workflows.publish(attributes, as: .localOperator) }
            }
            let long = JSONValue.string(String(repeating: "x", count: CloudEvent.bytesMax))
            await expect(.cloudEventTooLarge) {
                try await harness.workflows.publish(["source": "s", "type": "t", "data": long], as: .localOperator)
            }
        }
    }
}

extension EngineHarness {
    /// Waits until an execution has nothing to do and no mail that it has not looked at.
    func settle(_ id: ExecutionID) async throws {
        for _ in 0..<2_000 {
            let mail = try await count("SELECT COUNT(*) FROM execution_messages WHERE state = 0")
            let status = try await workflows.execution(id, in: .default).status
            if mail == 0, status == .waiting || status == .suspended || status.hasEnded { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("execution \(id) does not come to rest")
    }

    /// - Returns: How many tasks it may be for.
    func publish(_ type: String, _ data: JSONValue) async throws -> Int {
        try await workflows.publish(
            ["type": .string(type), "source": "https://example.org", "data": data], as: .localOperator
        ).listeners
    }
}
