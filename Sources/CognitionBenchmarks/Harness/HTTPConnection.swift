import CognitionCore

/// One connection that requests go over, one after the other.
final class HTTPConnection {
    struct Answer {
        let status: Int
        let body: [UInt8]

        /// - Throws: `JSONParsingError`.
        var json: JSONValue { get throws { try JSONValue(parsing: body) } }
    }

    let socket: Socket
    private var unread: [UInt8] = []

    init(port: Int) throws { socket = try Socket(port: port) }

    func get(_ path: String, token: String? = nil) throws -> Answer {
        try send("GET", path, token: token)
        return try answer()
    }

    func post(_ path: String, token: String? = nil, type: String = "application/json", body: [UInt8]) throws -> Answer {
        try send("POST", path, token: token, type: type, body: body)
        return try answer()
    }

    func send(
        _ method: String, _ path: String, token: String? = nil, type: String? = nil, body: [UInt8] = []
    ) throws {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: bench"]
        if let token { lines.append("Authorization: Bearer \(token)") }
        if let type { lines += ["Content-Type: \(type)", "Content-Length: \(body.count)"] }
        try socket.write(Array((lines + ["", ""]).joined(separator: "\r\n").utf8) + body)
    }

    /// The next answer; one that does not tell its length is none.
    func answer() throws -> Answer {
        let head = try head()
        guard let length = head.contentLength else { throw BenchmarkFailure("an answer does not tell its length") }
        while unread.count < length { try socket.read(into: &unread) }
        defer { unread.removeFirst(length) }
        return Answer(status: head.status, body: Array(unread[..<length]))
    }

    private func head() throws -> (status: Int, contentLength: Int?) {
        let lines = try Self.head(from: socket, &unread)
        let words = lines[0].split(separator: " ")
        guard words.count > 1, let status = Int(words[1]) else { throw BenchmarkFailure("no answer: \(lines[0])") }
        let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
        return (status, length.flatMap { Int($0.dropFirst("content-length:".count).filter { $0 != " " }) })
    }

    /// The lines up to the empty one; what follows stays in `unread`.
    static func head(from socket: Socket, _ unread: inout [UInt8]) throws -> [Substring] {
        while true {
            let text = unread.indices.dropLast(3).first { unread[$0...].starts(with: [13, 10, 13, 10]) }
            guard let end = text else {
                try socket.read(into: &unread)
                continue
            }
            let lines = String(decoding: unread[..<end], as: UTF8.self).split(separator: "\r\n")
            unread.removeFirst(end + 4)
            guard !lines.isEmpty else { throw BenchmarkFailure("an answer has no head") }
            return lines
        }
    }
}
