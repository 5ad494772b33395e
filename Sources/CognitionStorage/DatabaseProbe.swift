/// Whether a database answers, and how busy its writer is; for health checks.
package struct DatabaseProbe: Sendable, Hashable {
    package let writesWaiting: Int
    /// It answers, but takes no writes: after a failover, say.
    package let isReadOnly: Bool
    /// Nodes that share it, this one included; `nil` where there is only one.
    package let nodes: Int?

    package init(writesWaiting: Int, isReadOnly: Bool = false, nodes: Int? = nil) {
        self.writesWaiting = writesWaiting
        self.isReadOnly = isReadOnly
        self.nodes = nodes
    }

    /// So many requests wait that soon others will be refused.
    package var isCrowded: Bool { writesWaiting >= WriteQueue.waitingMax / 2 }
}

extension Database {
    /// Reads a row of the database.
    /// - Throws: `StorageError` when that fails.
    package func probe() async throws -> DatabaseProbe {
        let writesWaiting = writesWaiting
        let isShared = isShared
        return try await read { tx in
            // A table, as `SELECT 1` would not look at the file.
            _ = try tx.first("SELECT name FROM schema_migrations LIMIT 1") { try $0[0] as String }
            guard isShared else { return DatabaseProbe(writesWaiting: writesWaiting) }
            let isReadOnly =
                try tx.first(
                    "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'"
                ) { try $0[0] as Bool } ?? false
            return DatabaseProbe(
                writesWaiting: writesWaiting, isReadOnly: isReadOnly, nodes: try NodeLease.count(in: tx))
        }
    }
}
