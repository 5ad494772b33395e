import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Synchronization
import Testing

/// The smallest language of schemas: a list of members that data must have, which may only grow shorter.
private final class NeededMembers: EventSchemaRules {
    private func names(_ schema: JSONValue) -> [String] { (schema.arrayValue ?? []).compactMap(\.stringValue) }

    func check(_ schema: JSONValue) throws {
        guard schema.arrayValue != nil else { throw EventError(.eventInvalid, "no list") }
    }

    func breaks(old: JSONValue, new: JSONValue, _ compatibility: EventSchema.Compatibility) -> [EventFault] {
        guard compatibility != .unchecked else { return [] }
        return names(new).filter { !names(old).contains($0) }.map {
            EventFault(pointer: .root.appending($0), reason: "needed", message: "is new")
        }
    }

    /// How often a schema's text was asked for.
    let made = Mutex(0)
    private let kept = Mutex<[SHA256Digest: EventDataTest]>([:])

    func test(of hash: SHA256Digest) -> EventDataTest? { kept.withLock { $0[hash] } }

    func test(of schema: EventSchema) -> EventDataTest {
        let names = names(schema.schema)
        let test: EventDataTest = { data in
            names.filter { data[$0] == nil }.map { EventFault(pointer: .root.appending($0), message: "is missing") }
        }
        made.withLock { $0 += 1 }
        kept.withLock { $0[schema.hash] = test }
        return test
    }
}

@Suite("Schemas of events") struct EventSchemaTests {
    private let boss = Principal(actor: "boss", workspace: .default)

    private func withSchemas(
        _ engine: TestDatabase.Engine, rules: NeededMembers = NeededMembers(),
        _ body: (EventLog, EventSchemas) async throws -> Void
    ) async throws {
        try await withLog(engine) { log in
            let schemas = EventSchemas(
                log.database, rules: rules, clock: ManualClock(), ids: UUIDGenerator())
            try await body(log, schemas)
        }
    }

    @Test("A schema is set, revised, listed and deleted, and the log tells of it", arguments: TestDatabase.engines)
    func life(on engine: TestDatabase.Engine) async throws {
        try await withSchemas(engine) { log, schemas in
            let first = try await schemas.set(["a", "b"], of: "order.placed", version: 1, as: boss)
            #expect(first.isNew && first.schema.compatibility == .full && first.schema.revision == 1)
            let same = try await schemas.set(["a", "b"], of: "order.placed", version: 1, as: boss)
            #expect(!same.isNew && same.schema == first.schema)
            let revised = try await schemas.set(["a"], of: "order.placed", version: 1, .backward, as: boss)
            #expect(!revised.isNew && revised.schema.revision == 2 && revised.schema.actor == "boss")
            let refused = await #expect(throws: EventError.self) {
                try await schemas.set(["a", "c"], of: "order.placed", version: 1, as: boss)
            }
            #expect(refused?.code == .schemaIncompatible && refused?.faults.map(\.text) == ["/c: needed: is new"])
            // The next version is held to the one before, unless nothing is compared.
            #expect(
                await code { try await schemas.set(["c"], of: "order.placed", version: 3, as: boss) }
                    == "event.schema_incompatible")
            let third = try await schemas.set(["c"], of: "order.placed", version: 3, .unchecked, as: boss)
            #expect(third.isNew)
            #expect(
                try await schemas.set(["c"], of: "order.placed", version: 4, as: boss).schema.compatibility
                    == .unchecked)
            try await schemas.set([], of: "order.paid", version: 1, as: boss)

            let page = try await schemas.list(limit: 3, in: .default)
            #expect(page.items.map(\.typeVersion) == [1, 3, 4])
            #expect(try await schemas.list(after: page.next ?? 0, in: .default).items.map(\.type) == ["order.paid"])
            #expect(try await schemas.list(type: "order.paid", in: .default).items.count == 1)
            #expect(try await schemas.list(in: WorkspaceID("other")).items.isEmpty)
            #expect(try await schemas.schema(of: "order.placed", version: 3, in: .default) == third.schema)
            try await schemas.delete("order.placed", version: 3, as: boss)
            for missing in [
                await code { try await schemas.delete("order.placed", version: 3, as: boss) },
                await code { _ = try await schemas.schema(of: "order.placed", version: 3, in: .default) },
            ] { #expect(missing == "event.schema_unknown") }

            let told = try await log.readStream(StreamName("event_schema", "order.placed"), workspace: .default).events
            #expect(
                told.map(\.type) == Array(repeating: "event_schema.registered", count: 4) + ["event_schema.deleted"])
            #expect(told[1].data["revision"] == 2 && told[1].data["compatibility"] == "backward")
        }
    }

    @Test("What is no schema, or too large, is refused", arguments: TestDatabase.engines)
    func bounds(on engine: TestDatabase.Engine) async throws {
        try await withSchemas(engine) { _, schemas in
            for (type, version) in [("order", 1), ("order.placed", 0), ("order.placed", 1_000_001)] {
                #expect(
                    await code { try await schemas.set([], of: type, version: version, as: boss) } == "event.invalid")
            }
            #expect(await code { try await schemas.set("x", of: "a.b", version: 1, as: boss) } == "event.invalid")
            let large: JSONValue = [.string(String(repeating: "a", count: EventSchemas.schemaBytesMax))]
            #expect(
                await code { try await schemas.set(large, of: "a.b", version: 1, as: boss) } == "event.schema_too_large"
            )
        }
    }

    @Test("Of many who set a schema at once all are held to one order", arguments: TestDatabase.engines)
    func race(on engine: TestDatabase.Engine) async throws {
        try await withSchemas(engine) { _, schemas in
            let names = ["a", "b", "c", "d", "e", "f"]
            let revisions = try await withThrowingTaskGroup(of: Int64?.self) { group in
                for count in 0...names.count {
                    group.addTask {
                        let schema = JSONValue.array(names.prefix(count).map { .string($0) })
                        do {
                            return try await schemas.set(schema, of: "a.b", version: 1, as: boss).schema.revision
                        } catch let error as EventError where error.code == .schemaIncompatible {
                            return nil
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }.compactMap(\.self)
            }
            // Each that was taken has another place, and the shortest is always taken in the end.
            #expect(Set(revisions).count == revisions.count && !revisions.isEmpty)
            let end = try await schemas.schema(of: "a.b", version: 1, in: .default)
            #expect(end.schema == [] && end.revision == Int64(revisions.count))
        }
    }

    @Test(
        "What users append is checked by type and version, and nothing of a request that is refused is there",
        arguments: TestDatabase.engines)
    func appends(on engine: TestDatabase.Engine) async throws {
        try await withSchemas(engine) { log, schemas in
            try await schemas.set(["total"], of: "order.placed", version: 1, as: boss)
            let head = try await log.head()
            func accept(_ events: NewEvent..., workspace: String = "default") async throws {
                let appends = events.map { StreamAppend([$0], to: StreamName("order", "1")) }
                _ = try await log.accept(appends, context: .test(workspace: workspace), checkedBy: schemas)
            }
            let refused = await #expect(throws: EventError.self) {
                try await accept(NewEvent("order.placed", data: ["total": 1]), NewEvent("order.placed", data: [:]))
            }
            #expect(refused?.code == .schemaViolated && refused?.faults.map(\.text) == ["/total: is missing"])
            #expect(try await log.head() == head)
            try await accept(NewEvent("order.placed", data: ["total": 1]))
            // Another version, another type, another workspace.
            try await accept(NewEvent("order.placed", typeVersion: 2), NewEvent("order.paid"))
            try await accept(NewEvent("order.placed"), workspace: "other")
            #expect(try await log.head() == head + 4)
        }
    }

    @Test(
        "The text of a schema is read once for all events of its type and version, and the first that is wrong is named",
        arguments: TestDatabase.engines)
    func reads(on engine: TestDatabase.Engine) async throws {
        let rules = NeededMembers()
        try await withSchemas(engine, rules: rules) { _, schemas in
            for version in 1...5 {
                _ = try await schemas.set(
                    [.string("v\(version)")], of: "order.placed", version: version, .unchecked, as: boss)
            }
            _ = try await schemas.set(["x"], of: "order.paid", version: 3, as: boss)
            let right = (0..<6).map { index in
                let version = 1 + index % 2
                return NewEvent("order.placed", data: ["v\(version)": 1], typeVersion: version)
            }
            try await schemas.check([StreamAppend(right, to: StreamName("order", "1"))], in: .default)
            try await schemas.check([StreamAppend(right, to: StreamName("order", "1"))], in: .default)
            #expect(rules.made.withLock { $0 } == 2)

            let wrong = [
                right[0], NewEvent("order.placed", typeVersion: 2), NewEvent("order.placed"),
                NewEvent("order.paid", typeVersion: 3), NewEvent("order.paid"),
            ]
            let refused = await #expect(throws: EventError.self) {
                try await schemas.check([StreamAppend(wrong, to: StreamName("order", "1"))], in: .default)
            }
            #expect(refused?.faults.map(\.text) == ["/v2: is missing"])
        }
    }
}
