import CognitionCore
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Testing

/// Who goes first, and that nobody keeps a neighbour waiting.
@Suite("Priorities and turns", .timeLimit(.minutes(1))) struct PriorityTests {
    private static let crowd = Principal(actor: "user:crowd", workspace: WorkspaceID("crowd"))
    private static let neighbour = Principal(actor: "user:neighbour", workspace: WorkspaceID("neighbour"))
    private static let other = Principal(actor: "user:other", workspace: WorkspaceID("zoo"))
    private static let body = "- a: {call: script, with: {n: \"${ .n }\"}}"

    private static func leave(
        _ stored: StoredWorkflow, _ number: Int64, priority: Int? = nil, as principal: Principal = .localOperator,
        on engine: WorkflowEngine? = nil, _ harness: EngineHarness
    ) async throws -> ExecutionID {
        let command = ExecuteCommand(
            workflow: stored.id, version: stored.version, input: ["n": .integer(number)], priority: priority)
        return try await harness.workflows.execute(command, as: principal, on: engine).id
    }

    @Test(
        "Of what is due each workspace gets its share, however much others have",
        arguments: TestDatabase.engines, [40, 300])
    func claimsInTurns(on engine: TestDatabase.Engine, crowded: Int) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let harness = EngineHarness(database, script: ScriptedFunction { _ in await gate.pass() }) {
                $0.executionsMax = 6
            }
            for (principal, count) in [(Self.crowd, crowded), (Self.neighbour, 1), (Self.other, 2)] {
                let stored = try await harness.store("turns", body: Self.body, as: principal)
                for number in 0..<count {
                    _ = try await Self.leave(stored, Int64(number), priority: 9, as: principal, harness)
                }
            }
            try await harness.running {
                await gate.arrival(of: 6)
                let owned = try await database.read { tx in
                    try tx.query(
                        """
                        SELECT workspace_id, COUNT(*) FROM executions WHERE owner IS NOT NULL
                        GROUP BY workspace_id ORDER BY workspace_id
                        """
                    ) { row in "\(try row[0] as String) \(try row[1] as Int)" }
                }
                #expect(owned == ["crowd 3", "neighbour 1", "zoo 2"])
                gate.open()
            }
        }
    }

    @Test("More workspaces than there is room for get their turns one after the other", arguments: TestDatabase.engines)
    func turnsGoRound(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database) {
                $0.executionsMax = 1
                $0.effectsMax = 1
            }
            for name in ["a", "b", "c"] {
                let principal = Principal(actor: "user:\(name)", workspace: WorkspaceID(name))
                let stored = try await harness.store(
                    name, body: "- a: {call: script, with: {w: \(name)}}", as: principal)
                for number in 0..<3 {
                    _ = try await Self.leave(stored, Int64(number), as: principal, harness)
                }
            }
            try await harness.running {
                while try await harness.count("SELECT COUNT(*) FROM executions WHERE ended_at IS NULL") > 0 {
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            let order = harness.script.ledger.map { $0.contains("\"a\"") ? "a" : $0.contains("\"b\"") ? "b" : "c" }
            #expect(order.count == 9)
            for start in [0, 3, 6] { #expect(Set(order[start..<start + 3]).count == 3, "\(order)") }
        }
    }

    @Test(
        "Within a workspace the highest priority is claimed first, then the earliest", arguments: TestDatabase.engines)
    func claimsByPriority(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database) { $0.executionsMax = 1 }
            let stored = try await harness.store("first", body: Self.body)
            var ids: [ExecutionID] = []
            for (number, priority) in [0, 5, nil, 9, 7, 9].enumerated() {
                ids.append(try await Self.leave(stored, Int64(number), priority: priority, harness))
            }
            try await harness.running {
                for id in ids {
                    let execution = try await harness.end(of: id)
                    #expect(execution.status == .completed)
                }
            }
            let numbers = harness.script.ledger.map { $0.filter(\.isNumber).suffix(1) }
            #expect(numbers == ["3", "5", "4", "1", "2", "0"])
            #expect(try await harness.workflows.execution(ids[4], in: .default).priority == 7)
            let listed = try await harness.workflows.executions(limit: 10, in: .default).items.map(\.priority)
            #expect(listed == [9, 7, 9, 5, 5, 0])
        }
    }

    @Test("Calls that wait for a place start in turns of workspaces, and by priority", arguments: TestDatabase.engines)
    func effectsInTurns(on engine: TestDatabase.Engine) async throws {
        try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
            let gate = Gate()
            let harness = EngineHarness(database, script: ScriptedFunction { _ in await gate.pass() }) {
                $0.effectsMax = 1
            }
            let crowd = try await harness.store("calls", body: Self.body, as: Self.crowd)
            let neighbour = try await harness.store("calls", body: Self.body, as: Self.neighbour)
            try await harness.running {
                _ = try await Self.leave(crowd, 0, as: Self.crowd, on: harness.engine, harness)
                await gate.arrival(of: 1)
                for number in 1...3 {
                    _ = try await Self.leave(crowd, Int64(number), as: Self.crowd, on: harness.engine, harness)
                }
                _ = try await Self.leave(crowd, 4, priority: 8, as: Self.crowd, on: harness.engine, harness)
                _ = try await Self.leave(
                    neighbour, 5, priority: 0, as: Self.neighbour, on: harness.engine, harness)
                gate.open()
                while harness.script.ledger.count < 6 { try await Task.sleep(for: .milliseconds(2)) }
            }
            let numbers = harness.script.ledger.map { $0.filter(\.isNumber).suffix(1) }
            #expect(numbers == ["0", "4", "5", "1", "2", "3"])
        }
    }

    @Test("A definition may give the priority; children have that of their parent; others are refused")
    func inheritance() async throws {
        try await withTestDatabase(.sqliteMemory, migrations: EngineHarness.migrations) { database in
            let harness = EngineHarness(database)
            let child = try await harness.store("child")
            let document = """
                document: {dsl: 1.0.3, namespace: test, name: parent, version: 1.0.0, metadata: {priority: 7}}
                do:
                  - a: {run: {workflow: {namespace: test, name: child, version: 1.0.0}}}
                """
            try await harness.running {
                let id = try await harness.execute(document)
                #expect(try await harness.end(of: id).priority == 7)
            }
            #expect(try await harness.workflows.executions(limit: 10, in: .default).items.map(\.priority) == [7, 7])
            let inherited = try await harness.count(
                "SELECT priority FROM executions WHERE workflow_key = \(child.key)")
            #expect(inherited == 7)
            for priority in [-1, 10] {
                await expect(.commandInvalid) { try await Self.leave(child, 1, priority: priority, harness) }
            }
            let odd = try await harness.workflows.create(
                harness.workflows.validate(
                    document.replacing("priority: 7", with: "priority: high").replacing("1.0.0, m", with: "1.1.0, m")),
                as: .localOperator)
            let usual = try await Self.leave(odd, 1, harness)
            #expect(try await harness.workflows.execution(usual, in: .default).priority == 5)
        }
    }

    @Test("The queue gives what a plain list would", arguments: 1...8)
    func queue(seed: UInt64) {
        struct Item { var id: Int, workspace: Int, priority: Int, number: Int }
        var state = seed &* 0x9E37_79B9_7F4A_7C15
        func random(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(count))
        }
        var queue = FairQueue<Int, Int>()
        var items: [Item] = []
        /// How often each workspace was passed over while it had something.
        var passed: [Int: Int] = [:]
        for number in 0..<6_000 {
            switch random(number % 2_000 < 1_000 ? 5 : 9) {
            case 0...2:
                let item = Item(id: random(3_000), workspace: random(7), priority: random(10), number: number)
                items.removeAll { $0.id == item.id }
                items.append(item)
                queue.append(
                    number, as: item.id, of: WorkspaceID("w\(item.workspace)"), priority: item.priority)
            case 3:
                let id = random(3_000)
                items.removeAll { $0.id == id }
                queue.remove(id)
            default:
                guard let next = queue.popFirst() else {
                    #expect(items.isEmpty, "seed \(seed)")
                    continue
                }
                guard let item = items.first(where: { $0.id == next.id }) else {
                    Issue.record("seed \(seed): \(next.id) does not wait")
                    return
                }
                let own = items.filter { $0.workspace == item.workspace }
                let best = own.max { ($0.priority, -$0.number) < ($1.priority, -$1.number) }
                #expect(best?.id == item.id && next.element == item.number, "seed \(seed)")
                items.removeAll { $0.id == item.id }
                for other in 0..<7 {
                    let waits = items.contains { $0.workspace == other }
                    passed[other] = other == item.workspace || !waits ? 0 : passed[other, default: 0] + 1
                    #expect(passed[other, default: 0] <= 7, "seed \(seed): a workspace is passed over")
                }
            }
            #expect(queue.count == items.count)
        }
        queue.removeAll { $0.isMultiple(of: 2) }
        items.removeAll { $0.id.isMultiple(of: 2) }
        #expect(queue.count == items.count)
    }
}
