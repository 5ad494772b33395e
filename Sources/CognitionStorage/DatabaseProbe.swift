/// Whether a database answers, and how busy its writer is; for health checks.
package struct DatabaseProbe: Sendable, Hashable {
    package let writesWaiting: Int

    package init(writesWaiting: Int) { self.writesWaiting = writesWaiting }

    /// So many requests wait that soon others will be refused.
    package var isCrowded: Bool { writesWaiting >= WriteQueue.waitingMax / 2 }
}

extension Database {
    /// Reads a row of the database.
    /// - Throws: `StorageError` when that fails.
    package func probe() async throws -> DatabaseProbe {
        let writesWaiting = writesWaiting
        // A table, as `SELECT 1` would not look at the file.
        try await read { tx in _ = try tx.first("SELECT name FROM schema_migrations LIMIT 1") { try $0[0] as String } }
        return DatabaseProbe(writesWaiting: writesWaiting)
    }
}
