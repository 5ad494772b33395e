import CognitionCore
package import CognitionStorage

extension Transaction {
    /// Writes what has happened into one stream, together with everything else this transaction writes.
    ///
    /// The events are put into the log's order last before the commit, with those of the other requests of the round,
    /// so this transaction does not read them back. Events whose ids the log has already, with the same content in the
    /// same stream, are not written again: the receipt then names the places they have, whatever version is expected.
    ///
    /// - Parameters:
    ///   - events: 1...10,000, with at most 64 MiB of data together; see ``AppendLimits``.
    ///   - context: In whose name, when and why.
    /// - Throws: `event.version_conflict` when the stream is not as expected, which leaves it as it was;
    ///   `event.id_reused` when an id stands for another event, or only some of the events are in the log already;
    ///   `event.invalid`, `event.too_large`.
    @discardableResult
    package func append(
        _ events: [NewEvent], to stream: StreamName, expecting expected: ExpectedVersion = .any, context: EventContext
    ) throws -> AppendReceipt {
        try AppendLimits.check(events, to: stream, in: context)
        let step = commitStep(AppendStep.self)
        guard step.positions == nil else {
            throw EventError(.eventInvalid, "what is written with an append does not append anything itself")
        }
        if events.contains(where: { $0.id != nil }) {
            let destination = StreamAddress(workspace: context.workspace, stream: stream)
            if let receipt = try step.receiptOfRepeat(events, to: destination, in: self) { return receipt }
        }
        for event in events where event.data.count > PayloadStore.inlineBytesMax {
            _ = try PayloadStore.store(event.data, hash: event.dataHash, workspace: context.workspace, in: self)
        }
        guard case .any = expected else {
            // What this body, or another of the round, has appended before counts.
            try step.moveStreams(in: self)
            let row = try StreamRow.advance(
                stream, by: events.count, expecting: expected, workspace: context.workspace, in: self)
            return step.add(events, to: stream, row: row, context: context)
        }
        return step.add(events, to: stream, row: nil, context: context)
    }

    /// The versions that an append of this transaction has given its events.
    package func versions(of receipt: AppendReceipt) throws -> [Int64] {
        try commitStep(AppendStep.self).moveStreams(in: self)
        try settle()
        return receipt.versions
    }
}

/// A stream among those of all workspaces.
struct StreamAddress: Hashable, Comparable {
    let workspace: WorkspaceID
    let stream: StreamName

    static func < (left: StreamAddress, right: StreamAddress) -> Bool {
        (left.workspace.name, left.stream.type, left.stream.id)
            < (right.workspace.name, right.stream.type, right.stream.id)
    }
}

/// A stream's row after it has taken new events.
struct StreamRow {
    let key: Int64
    let version: Int64

    init(key: Int64, version: Int64) {
        self.key = key
        self.version = version
    }

    init(_ row: borrowing Row) throws {
        key = try row[0]
        version = try row[1]
    }

    /// Moves the version of a stream that is as expected; one that is not stays as it is.
    static func advance(
        _ stream: StreamName, by count: Int, expecting expected: ExpectedVersion, workspace: WorkspaceID,
        in tx: borrowing Transaction
    ) throws -> StreamRow {
        let statement: SQL =
            switch expected {
            case .any: preconditionFailure("any version is as expected")
            case .none, .exact(0):
                """
                INSERT INTO streams (workspace_id, type, id, version)
                VALUES (\(workspace), \(stream.type), \(stream.id), \(count))
                ON CONFLICT (workspace_id, type, id) DO NOTHING
                RETURNING key, version
                """
            case .exact(let version):
                """
                UPDATE streams SET version = version + \(count)
                WHERE workspace_id = \(workspace) AND type = \(stream.type) AND id = \(stream.id) AND version = \(version)
                RETURNING key, version
                """
            }
        let row = try tx.first(statement) { try StreamRow($0) }
        if let row { return row }
        let actual = try find(stream, workspace: workspace, in: tx)?.version ?? 0
        let wanted = if case .exact(let version) = expected { version } else { Int64(0) }
        throw EventError(
            .eventVersionConflict, "the stream \(stream) has version \(actual), not \(wanted)", actualVersion: actual)
    }

    static func find(
        _ stream: StreamName, workspace: WorkspaceID, in tx: borrowing Transaction
    ) throws -> StreamRow? {
        try tx.first(
            """
            SELECT key, version FROM streams
            WHERE workspace_id = \(workspace) AND type = \(stream.type) AND id = \(stream.id)
            """
        ) { try StreamRow($0) }
    }
}
