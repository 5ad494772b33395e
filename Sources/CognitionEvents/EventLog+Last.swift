package import CognitionCore
package import CognitionStorage

extension EventLog {
    /// The last event of a stream at or before a position and a moment; `nil` when there is none.
    /// - Throws: `event.archived` when it may be one that was archived: those of a stream go from its first on.
    package static func last(
        of stream: StreamName, workspace: WorkspaceID, position: Int64 = .max,
        time: Timestamp = Timestamp(microseconds: .max), type: String? = nil, in tx: borrowing Transaction
    ) throws -> Event? {
        guard let key = try StreamRow.find(stream, workspace: workspace, in: tx)?.key else { return nil }
        var condition: SQL = "e.stream_key = \(key) AND e.position <= \(position) AND e.time <= \(time)"
        if let type { condition = "\(condition) AND e.type = \(type)" }
        let row = try tx.first(
            """
            SELECT \(columns: EventRow.columns) FROM events e CROSS JOIN streams s
            WHERE s.key = e.stream_key AND \(condition) ORDER BY e.version DESC LIMIT 1
            """, as: EventRow.init)
        if let row { return try row.event(data: try row.loadData(in: tx)) }
        guard position > 0, try ArchivedRangeStore.has(key, in: tx) else { return nil }
        throw EventError(
            .eventArchived, "events of \(stream) were archived, the one that is asked for may be among them")
    }
}
