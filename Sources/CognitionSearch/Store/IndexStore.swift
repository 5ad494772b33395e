package import CognitionCore
import CognitionStorage

/// An index as it is stored.
package struct StoredIndex: Sendable {
    package let key: Int64
    package let address: IndexAddress
    /// Counts the settings that it has had, from 1.
    package let settingsVersion: Int64
    /// The last change that was given.
    package let sequence: Int64
    /// Removals up to here are not kept any more.
    let purged: Int64
    package let createdAt: Timestamp
    package let changedAt: Timestamp

    static let columns: StaticString = """
        i.key, i.workspace_id, i.name, i.settings_version, s.sequence, s.purged, i.created_at, i.changed_at
        FROM search_indexes i JOIN search_sequences s ON s.index_key = i.key
        """

    init(row: borrowing Row) throws {
        key = try row[0]
        address = IndexAddress(try row[2], in: try row[1])
        settingsVersion = try row[3]
        sequence = try row[4]
        purged = try row[5]
        createdAt = try row[6]
        changedAt = try row[7]
    }
}

/// Indexes and their settings.
enum IndexStore {
    static func find(_ address: IndexAddress, _ tx: borrowing Transaction) throws -> StoredIndex? {
        try tx.first(
            """
            SELECT \(columns: StoredIndex.columns)
            WHERE i.workspace_id = \(address.workspace) AND i.name = \(address.name)
            """, as: StoredIndex.init(row:))
    }

    static func find(_ key: Int64, _ tx: borrowing Transaction) throws -> StoredIndex? {
        try tx.first(
            "SELECT \(columns: StoredIndex.columns) WHERE i.key = \(key)", as: StoredIndex.init(row:))
    }

    /// - Throws: `search.index_not_found`.
    static func existing(_ address: IndexAddress, _ tx: borrowing Transaction) throws -> StoredIndex {
        guard let index = try find(address, tx) else { throw SearchError.notFound(address.name) }
        return index
    }

    /// The row stays as it is until the commit.
    static func hold(_ address: IndexAddress, _ tx: borrowing Transaction) throws -> StoredIndex? {
        let key = try tx.first(
            """
            SELECT key FROM search_indexes WHERE workspace_id = \(address.workspace) AND name = \(address.name)
            \(fragment: .forUpdate)
            """
        ) { try $0[0] as Int64 }
        return try key.flatMap { try find($0, tx) }
    }

    static func find(_ keys: [Int64], _ tx: borrowing Transaction) throws -> [StoredIndex] {
        try tx.query(
            "SELECT \(columns: StoredIndex.columns) WHERE i.key IN \(list: keys)", as: StoredIndex.init(row:))
    }

    static func list(
        in workspace: WorkspaceID, after name: String, limit: Int, _ tx: borrowing Transaction
    ) throws -> [StoredIndex] {
        try tx.query(
            """
            SELECT \(columns: StoredIndex.columns) WHERE i.workspace_id = \(workspace) AND i.name > \(name)
            ORDER BY i.name LIMIT \(limit)
            """, as: StoredIndex.init(row:))
    }

    static func count(in workspace: WorkspaceID, _ tx: borrowing Transaction) throws -> Int {
        try tx.first(
            "SELECT COUNT(*) FROM search_indexes WHERE workspace_id = \(workspace)"
        ) { try $0[0] as Int } ?? 0
    }

    static func create(
        _ address: IndexAddress, settings: String, by actor: String, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> StoredIndex {
        let key = try tx.first(
            """
            INSERT INTO search_indexes (workspace_id, name, settings_version, created_at, changed_at)
            VALUES (\(address.workspace), \(address.name), 1, \(now), \(now)) RETURNING key
            """
        ) { try $0[0] as Int64 }
        guard let key else { preconditionFailure("an insert returns its row") }
        try tx.execute("INSERT INTO search_sequences (index_key, sequence, purged) VALUES (\(key), 0, 0)")
        try keep(settings, version: 1, of: key, by: actor, now: now, tx)
        guard let index = try find(key, tx) else { preconditionFailure("it was written above") }
        return index
    }

    // MARK: Settings

    /// Versions that are kept, the last ones.
    static let settingsKept: Int64 = 50

    private static func keep(
        _ settings: String, version: Int64, of key: Int64, by actor: String, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        try tx.send(
            """
            INSERT INTO search_settings (index_key, version, settings, actor, created_at)
            VALUES (\(key), \(version), \(settings), \(actor), \(now))
            """)
        try tx.send(
            "DELETE FROM search_settings WHERE index_key = \(key) AND version <= \(version - settingsKept)")
    }

    /// - Returns: The version that they are.
    static func change(
        _ index: StoredIndex, to settings: String, by actor: String, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> StoredIndex {
        let version = index.settingsVersion + 1
        try tx.execute(
            "UPDATE search_indexes SET settings_version = \(version), changed_at = \(now) WHERE key = \(index.key)")
        try keep(settings, version: version, of: index.key, by: actor, now: now, tx)
        guard let changed = try find(index.key, tx) else { throw SearchError.notFound(index.address.name) }
        return changed
    }

    static func settings(of key: Int64, version: Int64, _ tx: borrowing Transaction) throws -> String? {
        try tx.first(
            "SELECT settings FROM search_settings WHERE index_key = \(key) AND version = \(version)"
        ) { try $0[0] as String }
    }

    /// The last first.
    static func settingsHistory(of key: Int64, _ tx: borrowing Transaction) throws -> [SettingsVersion] {
        try tx.query(
            """
            SELECT version, settings, actor, created_at FROM search_settings WHERE index_key = \(key)
            ORDER BY version DESC LIMIT \(settingsKept)
            """
        ) { row in
            SettingsVersion(
                version: try row[0], settings: try row[1], actor: try row[2], createdAt: try row[3])
        }
    }

    // MARK: Pinned queries

    static func relevance(of key: Int64, _ tx: borrowing Transaction) throws -> String? {
        try tx.first(
            "SELECT relevance FROM search_indexes WHERE key = \(key)"
        ) { try $0[0] as String? } ?? nil
    }

    static func setRelevance(_ text: String?, of key: Int64, now: Timestamp, _ tx: borrowing Transaction) throws {
        try tx.execute(
            "UPDATE search_indexes SET relevance = \(text), changed_at = \(now) WHERE key = \(key)")
    }

    // MARK: Deletion

    /// The index is gone with the commit; its documents follow piece by piece.
    static func delete(_ key: Int64, _ tx: borrowing Transaction) throws {
        try tx.execute("DELETE FROM search_sequences WHERE index_key = \(key)")
        try tx.execute("DELETE FROM search_settings WHERE index_key = \(key)")
        try tx.execute("DELETE FROM search_indexes WHERE key = \(key)")
        try tx.execute("INSERT INTO search_removals (index_key) VALUES (\(key))")
    }

    /// Deletes what is left of deleted indexes, at most `limit` documents.
    /// - Returns: Whether there is more.
    static func clear(limit: Int, _ tx: borrowing Transaction) throws -> Bool {
        let key = try tx.first(
            "SELECT index_key FROM search_removals ORDER BY index_key LIMIT 1 \(fragment: .skipLocked)"
        ) { try $0[0] as Int64 }
        guard let key else { return false }
        let count = try tx.execute(
            """
            DELETE FROM search_documents WHERE index_key = \(key) AND id IN (
                SELECT id FROM search_documents WHERE index_key = \(key) ORDER BY id LIMIT \(limit))
            """)
        guard count < limit else { return true }
        try tx.execute("DELETE FROM search_days WHERE index_key = \(key)")
        try tx.execute("DELETE FROM search_latencies WHERE index_key = \(key)")
        try tx.execute("DELETE FROM search_queries WHERE index_key = \(key)")
        try tx.execute("DELETE FROM search_removals WHERE index_key = \(key)")
        return true
    }
}

/// Settings that an index has, or has had.
package struct SettingsVersion: Sendable {
    package let version: Int64
    /// As JSON.
    package let settings: String
    package let actor: String
    package let createdAt: Timestamp
}

extension SearchError {
    static func notFound(_ name: String) -> SearchError {
        SearchError(.searchIndexNotFound, "there is no index \(name.prefix(63))")
    }
}
