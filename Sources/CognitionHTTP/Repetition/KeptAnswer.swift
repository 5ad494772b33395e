import CognitionCore
import HTTPTypes

/// An answer as it is stored and given again.
struct KeptAnswer: Sendable, Hashable {
    /// A longer one is not kept: the answers of what creates something are short.
    static let bodyBytesMax = 256 << 10
    /// What an answer is not understood without; everything else is of the request that it is an answer to.
    private static let names: [HTTPField.Name] = [.location]

    let status: Int
    let mediaType: String?
    let headers: [String: String]
    let body: [UInt8]

    /// - Returns: `nil` for an answer that cannot be kept.
    init?(_ answer: Answer) {
        switch answer.content {
        case .none: (mediaType, body) = (nil, [])
        case .bytes(let bytes, let type) where bytes.count <= Self.bodyBytesMax: (mediaType, body) = (type, bytes)
        case .bytes, .file, .stream: return nil
        }
        status = answer.status.code
        headers = Dictionary(
            uniqueKeysWithValues: Self.names.compactMap { name in answer.headers[name].map { (name.rawName, $0) } })
    }

    /// - Parameter headers: As ``headerBytes``.
    init(status: Int, headers: [UInt8]?, body: [UInt8]?) throws {
        let members = try headers.map { try JSONValue(parsing: $0) }?.objectValue ?? [:]
        self.status = status
        self.body = body ?? []
        mediaType = members["content-type"]?.stringValue
        self.headers = members.reduce(into: [:]) { headers, member in
            if member.key != "content-type" { headers[member.key] = member.value.stringValue }
        }
    }

    var headerBytes: [UInt8] {
        var members = JSONObject(headers.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
        if let mediaType { members["content-type"] = .string(mediaType) }
        return JSONValue.object(members).jsonBytes
    }

    /// The answer once more, marked as such.
    var answer: Answer {
        var answer = Answer(
            HTTPResponse.Status(code: status), mediaType.map { .bytes(body, mediaType: $0) } ?? .none,
            headers: [.idempotencyReplayed: "true"])
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { answer.headers[name] = value }
        }
        return answer
    }
}
