import CognitionCore
import CognitionEvents
import CognitionHTTP

/// Where streams are written to and their states are asked for: in this process on the data folder, or by the server that
/// holds it.
protocol EventDesk: Sendable {
    /// - Returns: The places of the event.
    /// - Throws: `event.version_conflict`, `event.stream_reserved` and what else refuses an append.
    func append(
        _ type: String, _ data: JSONValue, id: UUIDv7?, to stream: StreamName, expecting expected: ExpectedVersion
    ) async throws -> JSONValue

    /// What the events of a stream add up to.
    /// - Throws: `event.stream_unknown`.
    func state(of stream: StreamName, version: Int64?, provenance: Bool) async throws -> JSONValue
}

enum EventDesks {
    static func withDesk<Result>(
        _ configuration: ServerConfiguration, _ body: (any EventDesk) async throws -> Result
    ) async throws -> Result {
        try await RemoteServer.withServer(configuration) { server in
            if let server { return try await body(RemoteEventDesk(server: server)) }
            return try await Node.withNode(configuration, .any) { try await body(LocalEventDesk(node: $0)) }
        }
    }
}

private struct LocalEventDesk: EventDesk {
    let node: Node

    func append(
        _ type: String, _ data: JSONValue, id: UUIDv7?, to stream: StreamName, expecting expected: ExpectedVersion
    ) async throws -> JSONValue {
        let context = EventContext(.localOperator, time: node.clock.now, ids: node.ids)
        let append = StreamAppend([NewEvent(type, data: data, id: id)], to: stream, expecting: expected)
        let receipts = try await node.log.accept([append], context: context, checkedBy: node.schemas)
        return .array(receipts.map { AppendedShape(stream: stream, receipt: $0).json })
    }

    func state(of stream: StreamName, version: Int64?, provenance: Bool) async throws -> JSONValue {
        let limit = version.map(FoldLimit.version) ?? .end
        guard let folded = try await node.log.state(of: stream, in: .default, at: limit) else {
            throw EventError(.streamUnknown, "there is no stream \(stream)")
        }
        let origins =
            provenance
            ? try await node.log.provenance(of: stream, in: .default, at: .version(folded.version)) : nil
        return StreamStateShape(stream: stream, folded: folded, origins: origins).json
    }
}

private struct RemoteEventDesk: EventDesk {
    let server: RemoteServer

    func append(
        _ type: String, _ data: JSONValue, id: UUIDv7?, to stream: StreamName, expecting expected: ExpectedVersion
    ) async throws -> JSONValue {
        var event: JSONObject = ["type": .string(type), "data": data]
        if let id { event["event_id"] = .string(id.description) }
        let wanted: JSONValue =
            switch expected {
            case .any: "any"
            case .none: "none"
            case .exact(let version): .integer(version)
            }
        let body: JSONValue = ["expected_version": wanted, "events": [.object(event)]]
        return [try await server.call("POST", "streams", stream.type, stream.id, body: .json(body))]
    }

    func state(of stream: StreamName, version: Int64?, provenance: Bool) async throws -> JSONValue {
        try await server.call(
            "GET", "streams", stream.type, stream.id, "state",
            query: [("version", version.map { String($0) }), ("provenance", String(provenance))])
    }
}
