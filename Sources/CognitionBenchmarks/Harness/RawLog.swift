import CognitionCore

/// The log's tables without the log.
///
/// Each append moves its stream's version, and each transaction the head, as the log does. Confined to one thread.
protocol RawLog {
    /// Writes `appends`, each of which goes to one stream, in one transaction.
    func append(_ appends: [RawAppend]) throws
    /// Reads what makes an event, of the positions 1...head in pages of 1,000, and does nothing with it.
    func readAll(to head: Int64) throws
    func close()
}

enum RawRead {
    static let page: Int64 = 1_000
    static let columns = """
        e.position, s.workspace_id, s.type, s.id, e.version, e.event_id, e.type, e.type_version, e.time, e.actor, e.data,
        e.data_hash
        """
}

struct RawAppend {
    let stream: String
    let events: [RawEvent]
}

/// An event, encoded and hashed beforehand.
struct RawEvent {
    let type: String
    let data: [UInt8]
    let hash: [UInt8]

    init(type: String, data: JSONValue) {
        self.type = type
        self.data = data.jsonBytes
        hash = SHA256Digest(of: self.data).bytes
    }
}
