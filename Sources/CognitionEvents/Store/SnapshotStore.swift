import CognitionCore
import CognitionStorage

/// States of aggregates that were folded before.
enum SnapshotStore {
    /// Of one stream and name; older ones go.
    static let countMax = 4

    struct Snapshot: Sendable {
        let version: Int64
        /// `nil` for bytes that are not those that were kept.
        let value: JSONValue?
    }

    static func newest(
        of stream: StreamRow, name: String, fold: Int, upTo version: Int64, in tx: borrowing Transaction
    ) throws -> Snapshot? {
        try tx.first(
            """
            SELECT version, state, state_hash FROM snapshots
            WHERE stream_key = \(stream.key) AND name = \(name) AND fold_version = \(fold)
                AND version <= \(min(stream.version, version))
            ORDER BY version DESC LIMIT 1
            """
        ) { row in
            let (bytes, hash) = (try row[1] as [UInt8], try row[2] as [UInt8])
            let isWhole = SHA256Digest(of: bytes).bytes == hash
            return Snapshot(version: try row[0], value: isWhole ? try? JSONValue(parsing: bytes) : nil)
        }
    }

    static func keep(
        _ state: [UInt8], at version: Int64, of stream: StreamName, workspace: WorkspaceID, name: String, fold: Int,
        in tx: borrowing Transaction
    ) throws {
        guard let key = try StreamRow.find(stream, workspace: workspace, in: tx)?.key else { return }
        try tx.execute(
            """
            INSERT INTO snapshots (stream_key, name, version, fold_version, state, state_hash)
            VALUES (\(key), \(name), \(version), \(fold), \(state), \(SHA256Digest(of: state).bytes))
            ON CONFLICT (stream_key, name, version) DO UPDATE SET
                fold_version = excluded.fold_version, state = excluded.state, state_hash = excluded.state_hash
            """)
        try tx.execute(
            """
            DELETE FROM snapshots WHERE stream_key = \(key) AND name = \(name) AND version NOT IN (
                SELECT version FROM snapshots WHERE stream_key = \(key) AND name = \(name) AND fold_version = \(fold)
                ORDER BY version DESC LIMIT \(countMax))
            """)
    }

    static func count(in tx: borrowing Transaction) throws -> Int64 {
        try tx.first("SELECT COUNT(*) FROM snapshots") { try $0[0] as Int64 } ?? 0
    }
}
