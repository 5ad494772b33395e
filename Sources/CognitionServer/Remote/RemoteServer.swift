import CognitionCore
import CognitionHTTPClient
import Foundation

/// The server that holds the data folder, as commands on the same machine talk to it: over HTTP, with the operator token
/// that it has written into the folder.
struct RemoteServer: Sendable {
    /// How long the server has to say that it is there.
    private static let probeTimeout = Duration.seconds(5)
    /// How long it has for an answer. Hashing a password, or storing a large document, takes a while on a busy machine.
    private static let answerTimeout = Duration.seconds(60)
    /// Bytes of an answer; an execution comes with its input and output.
    private static let answerBytesMax = 128 << 20

    let address: ServerAddress
    /// Of the operator.
    let token: Secret
    private let http: OutboundHTTPClient

    /// Lends the server that holds the data folder of `configuration`, if one does and takes connections; else `nil`, and
    /// the command works on the folder itself.
    ///
    /// - Throws: `CommandFailure` for a server that is there and does not answer.
    static func withServer<Result>(
        _ configuration: ServerConfiguration, _ body: (RemoteServer?) async throws -> Result
    ) async throws -> Result {
        let folder = configuration.dataDirectory
        guard let address = try ServerFiles.address(in: folder), let token = try ServerFiles.token(in: folder) else {
            return try await body(nil)
        }
        var settings = HTTPClientSettings()
        settings.connectTimeout = probeTimeout
        // It is our own server, wherever it listens: the rules for what workflows may call are not for it.
        settings.egress = try EgressRules(deny: [], allow: [address.host])
        // Whoever holds the folder is the server, and the connection does not leave this machine: what its certificate says
        // of other names, and who has signed it, says nothing about that.
        settings.verifiesServers = false
        let http = OutboundHTTPClient(settings: settings)
        let server = RemoteServer(address: address, token: token, http: http)
        do {
            let result = try await body(try await server.takesConnections() ? server : nil)
            await http.shutdown()
            return result
        } catch {
            await http.shutdown()
            throw error
        }
    }

    /// False while the server that holds the folder starts or ends.
    private func takesConnections() async throws -> Bool {
        do {
            let answer = try await http.send(
                OutboundRequest(url: address.url + "/api/v3/health/live", timeout: Self.probeTimeout))
            guard answer.status == 200 else { throw failure(answer) }
            return true
        } catch let error as OutboundHTTPError where error.code == OutboundHTTPError.unreachable {
            return false
        } catch let error as OutboundHTTPError {
            throw failure(error, within: Self.probeTimeout)
        }
    }

    // MARK: Requests

    struct Body {
        let mediaType: String
        let bytes: [UInt8]

        static func json(_ value: JSONValue) -> Body { Body(mediaType: "application/json", bytes: value.jsonBytes) }
        /// YAML or JSON, of which every text is YAML as well.
        static func document(_ text: String) -> Body { Body(mediaType: "application/yaml", bytes: Array(text.utf8)) }
    }

    /// Sends one request and reads the JSON of its answer.
    ///
    /// - Parameter path: Below `/api/v3/`; each piece is written as it is and percent-encoded here.
    /// - Returns: Null where there is nothing to say.
    /// - Throws: `ServerRefusal` with what the server has to say; `CommandFailure` when it does not answer.
    func call(
        _ method: String, _ path: String..., query: [(name: String, value: String?)] = [], body: Body? = nil
    ) async throws -> JSONValue {
        var request = request(method, path, query, accept: "application/json")
        if let body {
            request.headers.append(("Content-Type", body.mediaType))
            request.body = body.bytes
        }
        let answer = try await answer(to: request)
        guard answer.status != 204 else { return .null }
        do {
            return try JSONValue(parsing: answer.body)
        } catch {
            throw notOurs(answer)
        }
    }

    /// What the server says of its health, also when that is bad.
    /// - Throws: As ``call(_:_:query:body:)``.
    func health() async throws -> JSONValue {
        let request = request("GET", ["health", "system"], [], accept: "application/json")
        let answer: OutboundResponse
        do {
            answer = try await http.send(request)
        } catch let error as OutboundHTTPError {
            throw failure(error, within: request.timeout)
        }
        guard let health = try? JSONValue(parsing: answer.body), health["checks"] != nil else { throw failure(answer) }
        return health
    }

    /// Deletes what the path names; the answer has no body.
    /// - Throws: As ``call(_:_:query:body:)``.
    func remove(_ path: String...) async throws {
        _ = try await answer(to: request("DELETE", path, [], accept: "application/json"))
    }

    private func answer(to request: OutboundRequest) async throws -> OutboundResponse {
        let answer: OutboundResponse
        do {
            answer = try await http.send(request)
        } catch let error as OutboundHTTPError {
            throw failure(error, within: request.timeout)
        }
        guard (200...299).contains(answer.status) else { throw failure(answer) }
        return answer
    }

    /// Opens a stream of server-sent events and lends it.
    ///
    /// - Parameter lastEventID: Where a stream that was cut off goes on.
    /// - Returns: `nil` when there are no more events and will be none.
    /// - Throws: `ServerRefusal`, `OutboundHTTPError` when the stream is cut off, what `body` throws.
    func stream(
        _ path: String..., query: [(name: String, value: String?)] = [], lastEventID: String?,
        body: @escaping @Sendable (OutboundStream.Chunks) async throws -> Bool
    ) async throws -> Bool? {
        var request = request("GET", path, query, accept: "text/event-stream")
        // The server says every 15 s that it is still there, so only its silence ends a stream.
        request.timeout = .seconds(86_400)
        request.bodyBytesMax = .max
        if let lastEventID { request.headers.append(("Last-Event-ID", lastEventID)) }
        return try await http.stream(request, firstByteTimeout: Self.answerTimeout, idleTimeout: Self.answerTimeout) {
            answer in
            if answer.status == 204 { return nil }
            guard answer.status == 200 else {
                var bytes: [UInt8] = []
                for try await chunk in answer.chunks where bytes.count < 1 << 16 { bytes += chunk }
                throw failure(OutboundResponse(status: answer.status, body: bytes, url: answer.url))
            }
            return try await body(answer.chunks)
        }
    }

    /// Asks the server whether it takes a token.
    /// - Throws: `ServerRefusal`.
    func check(_ token: Secret) async throws {
        _ = try await RemoteServer(address: address, token: token, http: http).call(
            "GET", "workflows", query: [("limit", "1")])
    }

    private func request(
        _ method: String, _ path: [String], _ query: [(name: String, value: String?)], accept: String
    ) -> OutboundRequest {
        let pairs = query.compactMap { item in item.value.map { "\(item.name)=\(Self.encoded($0))" } }
        let url = address.url + "/api/v3/" + path.map(Self.encoded).joined(separator: "/")
        return OutboundRequest(
            method: method, url: pairs.isEmpty ? url : url + "?" + pairs.joined(separator: "&"),
            headers: [("Authorization", "Bearer \(token.reveal())"), ("Accept", accept)], timeout: Self.answerTimeout,
            bodyBytesMax: Self.answerBytesMax)
    }

    /// Percent-encodes everything but the unreserved characters of RFC 3986, section 2.3.
    private static func encoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                result += byte < 0x10 ? "%0" : "%"
                result += String(byte, radix: 16, uppercase: true)
            }
        }
    }
}

// MARK: - What goes wrong

extension RemoteServer {
    /// What an answer that is no success says.
    private func failure(_ answer: OutboundResponse) -> any Error {
        guard let problem = try? JSONValue(parsing: answer.body), let detail = problem["detail"]?.stringValue,
            let code = problem["code"]?.stringValue
        else { return notOurs(answer) }
        let message =
            answer.status == 401
            ? "the server at \(address) refuses the operator token in \(address.tokenPath): \(detail)" : detail
        return ServerRefusal(code: ErrorCode(code, category: Self.category(ofStatus: answer.status)), message: message)
    }

    private func notOurs(_ answer: OutboundResponse) -> CommandFailure {
        CommandFailure("what answers at \(address) is no server of this program (status \(answer.status))")
    }

    /// Why there is no answer.
    private func failure(_ error: OutboundHTTPError, within limit: Duration) -> any Error {
        if Task.isCancelled { return CancellationError() }
        return switch error.code {
        case OutboundHTTPError.timeout:
            CommandFailure(
                "the server at \(address) does not answer within \(limit.configurationText); it holds the data folder, so look at that process, or end it"
            )
        case OutboundHTTPError.unreachable, OutboundHTTPError.reset, OutboundHTTPError.circuitOpen:
            ServerGone(address: address)
        default:
            CommandFailure("the server at \(address): \(error.message) [\(error.code.name)]")
        }
    }

    private static func category(ofStatus status: Int) -> ErrorCategory {
        switch status {
        case 401: .unauthenticated
        case 403: .forbidden
        case 404: .notFound
        case 409: .conflict
        case 410: .gone
        case 413, 429: .limited
        case 422: .unsupported
        case 503: .unavailable
        case 500...599: .internal
        default: .invalid
        }
    }
}

/// What the server says no with: the `code` and `detail` of its problem document.
struct ServerRefusal: CodedError {
    let code: ErrorCode
    let message: String
    var cause: (any Error)? { nil }
}

/// The server has ended since it was found.
struct ServerGone: Error, CustomStringConvertible {
    let address: ServerAddress

    var description: String { "the server at \(address) has ended" }
}
