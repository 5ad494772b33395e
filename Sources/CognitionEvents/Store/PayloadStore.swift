package import CognitionCore
package import CognitionStorage

/// Bytes as a row holds them: small ones in the row itself, large ones once per workspace in the payload store.
///
/// A table that keeps such bytes has **two columns of type `BYTES`, both NULL-able**: the bytes themselves, then the
/// SHA-256 of a payload. At most one of them is set; where the value itself is optional, both may be NULL.
///
/// ```swift
/// let output = try PayloadStore.store(bytes, workspace: workspace, in: tx)
/// try tx.execute("UPDATE tasks SET output = \(output.inlineBytes), output_sha256 = \(output.reference) WHERE id =
/// \(id)")
///
/// let output = try tx.first("SELECT output, output_sha256 FROM tasks WHERE id = \(id)") { try StoredPayload($0, at:
/// 0) } let bytes = try output.flatMap(\.self).map { try PayloadStore.load($0, workspace: workspace, in: tx) }
/// ```
///
/// Every row that stores a payload holds one reference. Whoever deletes or overwrites the row gives it back with
/// ``PayloadStore/release(_:workspace:in:)`` in the same transaction; whoever copies the columns into another row
/// takes one more with ``PayloadStore/retain(_:workspace:in:)``.
package enum StoredPayload: Sendable, Hashable {
    case inline([UInt8])
    case reference(SHA256Digest)

    /// Reads the columns `column` and `column + 1`; `nil` when both are NULL.
    package init?(_ row: borrowing Row, at column: Int) throws {
        if let bytes = try row[column] as [UInt8]? {
            self = .inline(bytes)
        } else if let hash = try row[column + 1] as [UInt8]? {
            guard let digest = SHA256Digest(bytes: hash) else {
                throw EventError(.eventDamaged, "a reference to a payload does not have 32 bytes")
            }
            self = .reference(digest)
        } else {
            return nil
        }
    }

    /// What goes into the first column.
    package var inlineBytes: [UInt8]? { if case .inline(let bytes) = self { bytes } else { nil } }

    /// What goes into the second column.
    package var reference: [UInt8]? { if case .reference(let digest) = self { digest.bytes } else { nil } }
}

/// Large byte strings, stored once per workspace and SHA-256 and counted by reference.
package enum PayloadStore {
    /// Bytes that are kept in the row itself; from the next one on they become a payload.
    package static let inlineBytesMax = 32 << 10

    /// Keeps `bytes`, as a payload with one more reference when they are many.
    package static func store(
        _ bytes: [UInt8], workspace: WorkspaceID, in tx: borrowing Transaction
    ) throws -> StoredPayload {
        guard bytes.count > inlineBytesMax else { return .inline(bytes) }
        return try store(bytes, hash: SHA256Digest(of: bytes), workspace: workspace, in: tx)
    }

    /// The same, for a caller who has the SHA-256 of `bytes` already.
    package static func store(
        _ bytes: [UInt8], hash: SHA256Digest, workspace: WorkspaceID, in tx: borrowing Transaction
    ) throws -> StoredPayload {
        guard bytes.count > inlineBytesMax else { return .inline(bytes) }
        if try !addReference(to: hash, workspace: workspace, in: tx) {
            try tx.send(
                """
                INSERT INTO payloads (workspace_id, sha256, refs, bytes)
                VALUES (\(workspace), \(hash.bytes), 1, \(bytes))
                ON CONFLICT (workspace_id, sha256) DO UPDATE SET refs = payloads.refs + 1
                """)
        }
        return .reference(hash)
    }

    /// The bytes.
    /// - Throws: `event.damaged` when the payload is missing.
    package static func load(
        _ payload: StoredPayload, workspace: WorkspaceID, in tx: borrowing Transaction
    ) throws -> [UInt8] {
        switch payload {
        case .inline(let bytes): return bytes
        case .reference(let hash):
            let statement: SQL =
                "SELECT bytes FROM payloads WHERE workspace_id = \(workspace) AND sha256 = \(hash.bytes)"
            guard let bytes = try tx.first(statement, as: { try $0[0] as [UInt8] }) else { throw missing(hash) }
            return bytes
        }
    }

    /// One more row holds `payload`.
    /// - Throws: `event.damaged` when the payload is missing.
    package static func retain(
        _ payload: StoredPayload, workspace: WorkspaceID, in tx: borrowing Transaction
    ) throws {
        guard case .reference(let hash) = payload else { return }
        guard try addReference(to: hash, workspace: workspace, in: tx) else { throw missing(hash) }
    }

    /// One row less holds `payload`; the bytes go with the last.
    /// - Throws: `event.damaged` when the payload is missing.
    package static func release(
        _ payload: StoredPayload, workspace: WorkspaceID, in tx: borrowing Transaction
    ) throws {
        guard case .reference(let hash) = payload else { return }
        let left = try tx.first(
            """
            UPDATE payloads SET refs = refs - 1 WHERE workspace_id = \(workspace) AND sha256 = \(hash.bytes)
            RETURNING refs
            """
        ) { try $0[0] as Int64 }
        guard let left else { throw missing(hash) }
        if left <= 0 {
            try tx.execute("DELETE FROM payloads WHERE workspace_id = \(workspace) AND sha256 = \(hash.bytes)")
        }
    }

    private static func addReference(
        to hash: SHA256Digest, workspace: WorkspaceID, in tx: borrowing Transaction
    ) throws -> Bool {
        try tx.execute(
            "UPDATE payloads SET refs = refs + 1 WHERE workspace_id = \(workspace) AND sha256 = \(hash.bytes)") > 0
    }

    private static func missing(_ hash: SHA256Digest) -> EventError {
        EventError(.eventDamaged, "the payload \(hash) is missing")
    }
}
