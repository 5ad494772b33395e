import CognitionCore

/// The log's tables without the log.
///
/// Each append moves its stream's version, and each transaction the head, as the log does. Confined to one thread.
protocol RawLog {
    /// Writes `appends`, each of which goes to one stream, in one transaction.
    func append(_ appends: [RawAppend]) throws
    func close()
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
