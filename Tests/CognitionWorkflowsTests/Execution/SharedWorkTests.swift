import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

/// Engines on nodes of one database.
@Suite("Nodes that share work", .timeLimit(.minutes(2))) struct SharedWorkTests {
    private static let body = """
        - a: {call: script, with: {n: 1}}
        - b: {call: script, with: {n: 2}}
        - c: {call: script, with: {n: 3}}
        """

    @Test("Executions that nobody owns are run once each, by whichever node")
    func share() async throws {
        try await withTestNodes(3, migrations: EngineHarness.migrations) { nodes in
            let harnesses = nodes.map { EngineHarness($0) { $0.executionsMax = 8 } }
            let stored = try await harnesses[0].store("shared", body: Self.body)
            var ids: [ExecutionID] = []
            for _ in 0..<60 { ids.append(try await harnesses[0].leave(stored)) }
            try await harnesses[0].running {
                try await harnesses[1].running {
                    try await harnesses[2].running {
                        for id in ids {
                            let execution = try await harnesses[0].end(of: id)
                            #expect(execution.status == .completed)
                        }
                    }
                }
            }
            #expect(harnesses.map(\.script.ledger.count).reduce(0, +) == 180, "no call was made twice")
            #expect(harnesses.allSatisfy { !$0.script.ledger.isEmpty }, "every node took its part")
            #expect(try await EventLog(nodes[1]).readAll().events.map(\.position) == Array(1...481))
            #expect(try await harnesses[0].count("SELECT COUNT(*) FROM nodes") == 0, "all have left in good order")
        }
    }

    @Test("What a dead node has left is taken over; when it was not dead after all, it lets go")
    func takeOver() async throws {
        try await withTestNodes(2, migrations: EngineHarness.migrations) { nodes in
            let gate = Gate()
            let silent = EngineHarness(nodes[0], script: ScriptedFunction { _ in await gate.pass() }) {
                $0.executionsMax = 1
                // It says that it lives only after the other has taken it for dead.
                $0.lease.renewal = .seconds(9)
            }
            let other = EngineHarness(nodes[1]) { $0.lease.renewal = .milliseconds(500) }
            try await silent.running {
                let id = try await silent.execute(workflow("left", "1.0.0", Self.body))
                await gate.arrival(of: 1)
                try await other.running {
                    try await silent.expireLease()
                    let execution = try await other.end(of: id)
                    #expect(execution.status == .completed)
                    #expect(execution.tasks.first?.attempt == 2)
                    gate.open()
                }
            }
            #expect(other.script.ledger.count == 3)
            #expect(silent.script.ledger.count == 1)
        }
    }

    @Test("Whatever the database's clock says, who starts leaves a node what it holds until that is none any more")
    func clockThatJumps() async throws {
        try await withTestNodes(2, migrations: EngineHarness.migrations) { nodes in
            let gate = Gate()
            let living = EngineHarness(nodes[0], script: ScriptedFunction { _ in await gate.pass() })
            let other = EngineHarness(nodes[1])
            func free() async throws -> Int {
                try await other.workflows.freeAbandoned(except: other.engine.node, gone: nil, now: ManualClock().now)
            }
            try await living.running {
                let id = try await living.execute(workflow("held", "1.0.0", Self.body))
                await gate.arrival(of: 1)
                try await living.expireLease()
                #expect(try await free() == 0)
                let node = living.engine.node
                try await nodes[1].write { tx in try NodeLease.clear([node], in: tx) }
                #expect(try await free() == 1)
                gate.open()
                #expect(try await living.end(of: id).status == .completed)
            }
        }
    }

    @Test("What a node holds that has no row any more is freed by those that live, and nothing else")
    func withoutRow() async throws {
        try await withTestNodes(2, migrations: EngineHarness.migrations) { nodes in
            let gate = Gate()
            let living = EngineHarness(nodes[0], script: ScriptedFunction { _ in await gate.pass() })
            let other = EngineHarness(nodes[1]).workflows
            try await living.running {
                let id = try await living.execute(workflow("held", "1.0.0", Self.body))
                await gate.arrival(of: 1)
                #expect(try await other.freeRowless(now: ManualClock().now) == 0)
                try await living.clearAway()
                #expect(try await other.freeRowless(now: ManualClock().now) == 1)
                gate.open()
                #expect(try await living.end(of: id).status == .completed)
            }
        }
    }

    @Test("Positions are dense and in the order of commits for whoever reads beside many writers on many nodes")
    func positions() async throws {
        try await withTestNodes(3, migrations: EventLog.migrations) { nodes in
            let ids = UUIDGenerator()
            let (callers, each) = (8, 25)
            let total = nodes.count * callers * each
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, node) in nodes.enumerated() {
                    group.addTask {
                        var seen: [Int64] = []
                        var versions: [StreamName: Int64] = [:]
                        for try await event in EventLog(node).tail(after: 0, pageMax: 16) {
                            seen.append(event.position)
                            #expect(event.version == versions[event.stream, default: 0] + 1)
                            versions[event.stream] = event.version
                            if seen.count == total { break }
                        }
                        #expect(seen == Array(1...Int64(total)))
                    }
                    for caller in 0..<callers {
                        group.addTask {
                            for step in 0..<each {
                                let event = NewEvent("test.happened", data: ["step": .integer(Int64(step))])
                                // Streams of one node, and one of all nodes.
                                let stream = StreamName("test", step % 3 == 0 ? "all" : "\(number)-\(caller)")
                                try await EventLog(node).append(
                                    [event], to: stream,
                                    context: EventContext(.localOperator, time: ManualClock().now, ids: ids))
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
