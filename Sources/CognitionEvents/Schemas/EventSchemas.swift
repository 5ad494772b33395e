package import CognitionCore
package import CognitionStorage

/// The registry of what the data of events looks like: a JSON Schema for each type and version, of a workspace.
///
/// Whoever sets a schema is held to be compatible with what was before: with the schema of the same version, else with that
/// of the nearest version before. What users append is checked against it; what the platform tells is not.
package struct EventSchemas: Sendable {
    /// Bytes of a schema as JSON.
    package static let schemaBytesMax = 64 << 10
    /// Schemas of one workspace.
    package static let countMax = 1_000
    package static let versions = 1...1_000_000
    private static let attemptsMax = 20
    private static let kindsPerQuery = 256

    private let database: any Database
    private let rules: any EventSchemaRules
    private let clock: any WallClock
    private let ids: UUIDGenerator

    package init(
        _ database: any Database, rules: any EventSchemaRules, clock: any WallClock, ids: UUIDGenerator
    ) {
        self.database = database
        self.rules = rules
        self.clock = clock
        self.ids = ids
    }

    // MARK: The registry

    /// - Throws: `event.schema_unknown`.
    package func schema(of type: String, version: Int, in workspace: WorkspaceID) async throws -> EventSchema {
        guard let schema = try await database.read({ try EventSchemaStore.find(type, version, in: workspace, $0) })
        else { throw Self.unknown(type, version) }
        return schema
    }

    /// Schemas in the order in which they first were set.
    /// - Parameter cursor: What the page before gave as `next`; 0 for the first.
    /// - Returns: At most `limit` (1...200), and the cursor of the next page.
    package func list(
        after cursor: Int64 = 0, type: String? = nil, limit: Int = 50, in workspace: WorkspaceID
    ) async throws -> (items: [EventSchema], next: Int64?) {
        let page = try await database.read { tx in
            try EventSchemaStore.page(after: cursor, type: type, limit: limit + 1, in: workspace, tx)
        }
        return (page.prefix(limit).map(\.schema), page.count > limit ? page[limit - 1].key : nil)
    }

    /// Sets the schema of a version of a type; the same again changes nothing.
    ///
    /// - Parameter compatibility: As before unless given; `full` for the first.
    /// - Returns: The schema, and whether there was none.
    /// - Throws: `event.schema_incompatible`, `event.schema_too_large`, `event.schema_too_many`, `event.invalid`; why it is no
    ///   schema.
    package func set(
        _ schema: JSONValue, of type: String, version: Int, _ compatibility: EventSchema.Compatibility? = nil,
        as principal: Principal
    ) async throws -> (schema: EventSchema, isNew: Bool) {
        try check(schema, of: type, version: version)
        let workspace = principal.workspace
        for _ in 1...Self.attemptsMax {
            let before = try await database.read {
                try EventSchemaStore.nearest(type, upTo: version, in: workspace, $0)
            }
            let chosen = compatibility ?? before?.compatibility ?? .full
            if let before {
                let breaks = rules.breaks(old: before.schema, new: schema, chosen)
                guard breaks.isEmpty else { throw Self.incompatible(before, chosen, breaks) }
            }
            if let result = try await write(schema, of: type, version, chosen, after: before, as: principal) {
                return result
            }
        }
        throw EventError(.schemaIncompatible, "the schema of \(type) was set by others again and again meanwhile")
    }

    /// Events of that version are checked no longer.
    /// - Throws: `event.schema_unknown`.
    package func delete(_ type: String, version: Int, as principal: Principal) async throws {
        let context = EventContext(principal, time: clock.now, ids: ids)
        try await database.write { tx in
            guard try EventSchemaStore.delete(type, version, in: principal.workspace, tx) else {
                throw Self.unknown(type, version)
            }
            try tx.append(
                [
                    NewEvent(
                        "event_schema.deleted",
                        data: ["type": .string(type), "type_version": .integer(Int64(version))])
                ], to: StreamName("event_schema", type), context: context)
        }
    }

    private func check(_ schema: JSONValue, of type: String, version: Int) throws {
        guard AppendLimits.isEventType(type), Self.versions.contains(version) else {
            throw EventError(
                .eventInvalid,
                "a schema is of an event's type, such as order.placed, and of a version from 1 to \(Self.versions.upperBound)"
            )
        }
        guard schema.jsonBytes.count <= Self.schemaBytesMax else {
            throw EventError(.schemaTooLarge, "a schema has at most \(Self.schemaBytesMax) bytes")
        }
        try rules.check(schema)
    }

    /// - Returns: `nil` when what was before is another now.
    private func write(
        _ schema: JSONValue, of type: String, _ version: Int, _ compatibility: EventSchema.Compatibility,
        after before: EventSchema?, as principal: Principal
    ) async throws -> (schema: EventSchema, isNew: Bool)? {
        let (workspace, context) = (principal.workspace, EventContext(principal, time: clock.now, ids: ids))
        let old = before?.typeVersion == version ? before : nil
        let next = EventSchema(
            type: type, typeVersion: version, compatibility: compatibility, schema: schema,
            hash: schema.canonicalDigest, revision: (old?.revision ?? 0) + 1,
            createdAt: old?.createdAt ?? context.time, updatedAt: context.time, actor: principal.actor)
        return try await database.write { tx in
            try tx.lock("events.schemas \(workspace.name)")
            guard try EventSchemaStore.nearest(type, upTo: version, in: workspace, tx) == before else { return nil }
            if let old, old.hash == next.hash, old.compatibility == compatibility { return (old, false) }
            guard try old != nil || EventSchemaStore.count(in: workspace, tx) < Self.countMax else {
                throw EventError(.schemaTooMany, "a workspace has at most \(Self.countMax) schemas of events")
            }
            try EventSchemaStore.set(next, in: workspace, tx)
            try tx.append(
                [
                    NewEvent(
                        "event_schema.registered",
                        data: [
                            "type": .string(type), "type_version": .integer(Int64(version)),
                            "hash": .string(next.hash.description), "revision": .integer(next.revision),
                            "compatibility": .string(compatibility.rawValue),
                        ])
                ], to: StreamName("event_schema", type), context: context)
            return (next, old == nil)
        }
    }

    // MARK: What is appended

    /// Checks events against the schemas of their types and versions, where there are some.
    /// - Throws: `event.schema_violated` with what is wrong with the first that does not fit.
    package func check(_ appends: [StreamAppend], in workspace: WorkspaceID) async throws {
        let events = appends.flatMap { append in
            append.events.enumerated().map { (stream: append.stream, index: $0.offset, event: $0.element) }
        }
        let places = Dictionary(grouping: events.indices) {
            EventSchema.Kind(type: events[$0].event.type, version: events[$0].event.typeVersion)
        }
        var first: (place: Int, error: EventError)?
        // Kind by kind: each schema is needed once, however its events are mixed with others.
        for (kind, hash) in try await hashes(of: Array(places.keys), in: workspace) {
            guard let places = places[kind], let test = try await test(of: kind, hash, in: workspace) else { continue }
            for place in places where place < first?.place ?? .max {
                let (stream, index, event) = events[place]
                let faults = test(try JSONValue(parsing: event.data))
                guard !faults.isEmpty else { continue }
                first = (place, Self.violated(event, index, stream, faults))
                break
            }
        }
        if let first { throw first.error }
    }

    private func hashes(
        of kinds: [EventSchema.Kind], in workspace: WorkspaceID
    ) async throws -> [(kind: EventSchema.Kind, hash: SHA256Digest)] {
        let (max, wanted) = (Self.kindsPerQuery, Set(kinds))
        return try await database.read { tx in
            var found: [EventSchema.Kind: SHA256Digest] = [:]
            for start in stride(from: 0, to: kinds.count, by: max) {
                let some = kinds[start..<min(start + max, kinds.count)]
                for (kind, hash) in try EventSchemaStore.hashes(of: some, in: workspace, tx)
                where wanted.contains(kind) {
                    found[kind] = hash
                }
            }
            return found.map { ($0.key, $0.value) }
        }
    }

    /// - Returns: `nil` when the schema was deleted meanwhile.
    private func test(
        of kind: EventSchema.Kind, _ hash: SHA256Digest, in workspace: WorkspaceID
    ) async throws -> EventDataTest? {
        if let test = rules.test(of: hash) { return test }
        let schema = try await database.read {
            try EventSchemaStore.find(kind.type, kind.version, in: workspace, $0)
        }
        return try schema.map(rules.test(of:))
    }

    private static func violated(
        _ event: NewEvent, _ index: Int, _ stream: StreamName, _ faults: [EventFault]
    ) -> EventError {
        EventError(
            .schemaViolated,
            "the data of event \(index) for \(stream), a \(event.type) of version \(event.typeVersion), does not fit its schema: \(text(of: faults))",
            faults: faults)
    }

    private static func incompatible(
        _ before: EventSchema, _ compatibility: EventSchema.Compatibility, _ breaks: [EventFault]
    ) -> EventError {
        EventError(
            .schemaIncompatible,
            "the schema is not compatible (\(compatibility.rawValue)) with that of \(before.type) version \(before.typeVersion): \(text(of: breaks))",
            faults: breaks)
    }

    private static func text(of faults: [EventFault]) -> String { faults.map(\.text).joined(separator: "; ") }

    private static func unknown(_ type: String, _ version: Int) -> EventError {
        EventError(.schemaUnknown, "there is no schema of \(type) version \(version)")
    }
}
