import CognitionCore
import CognitionEvents
import CognitionStorage

/// A JSON value ready to be stored: encoded and, when it is long, hashed by whoever has the time.
struct EncodedJSON: Sendable {
    private let bytes: [UInt8]
    private let hash: SHA256Digest?

    init(_ value: JSONValue) {
        var bytes: [UInt8] = []
        value.writeJSON(into: &bytes)
        self.bytes = bytes
        hash = bytes.count > PayloadStore.inlineBytesMax ? SHA256Digest(of: bytes) : nil
    }

    var count: Int { bytes.count }

    init?(_ value: JSONValue?) {
        guard let value else { return nil }
        self.init(value)
    }

    /// The value of the two columns that hold it.
    func store(for workspace: WorkspaceID, in tx: borrowing Transaction) throws -> StoredPayload {
        guard let hash else { return .inline(bytes) }
        return try PayloadStore.store(bytes, hash: hash, workspace: workspace, in: tx)
    }
}

extension StoredPayload {
    func json(for workspace: WorkspaceID, in tx: borrowing Transaction) throws -> JSONValue {
        try JSONValue(parsing: try PayloadStore.load(self, workspace: workspace, in: tx))
    }
}
