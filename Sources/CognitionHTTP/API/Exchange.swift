package import CognitionCore
import CognitionDocuments
package import CognitionIdentity
import Foundation
package import HTTPTypes
import Hummingbird
import NIOCore

/// A request on its way to a handler: read as far as the route asks for.
package struct Exchange: Sendable {
    let request: Request
    let parameters: Parameters
    let requestID: String
    /// Who has opened the connection: the client, or a proxy.
    let peer: SocketAddress?
    let proxies: TrustedProxies
    /// Whether the connection is TLS.
    let isEncrypted: Bool
    let bodyBytesMax: Int
    var caller: Caller?
    /// What was read of it already.
    private var collected: [UInt8]?

    init(
        request: Request, parameters: Parameters, requestID: String, peer: SocketAddress?, proxies: TrustedProxies,
        isEncrypted: Bool, bodyBytesMax: Int
    ) {
        self.request = request
        self.parameters = parameters
        self.requestID = requestID
        self.peer = peer
        self.proxies = proxies
        self.isEncrypted = isEncrypted
        self.bodyBytesMax = bodyBytesMax
    }

    /// Where the request comes from.
    var origin: ClientOrigin { proxies.origin(of: request.headers, from: peer, isEncrypted: isEncrypted) }

    /// Who sends it, for sessions and the audit trail.
    var client: ClientInfo {
        let address = proxies.isEmpty ? peer?.ipAddress : origin.address?.description
        return ClientInfo(address: address, userAgent: request.headers[.userAgent])
    }

    /// The same key again means the same request: 1...255 visible ASCII characters.
    /// - Throws: `request.parameter_invalid`.
    var idempotencyKey: String? {
        get throws {
            guard let key = request.headers[.idempotencyKey] else { return nil }
            guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw RequestError(
                    .parameterInvalid, "Idempotency-Key has 1 to 255 visible ASCII characters without spaces")
            }
            return key
        }
    }

    /// Reads the body, and keeps it for whoever handles the request.
    /// - Throws: As ``json()``.
    mutating func collect() async throws -> [UInt8] {
        let bytes = try await bytes()
        collected = bytes
        return bytes
    }

    /// The whole body.
    /// - Throws: `request.body_too_large`; `request.body_invalid` when its transfer coding is malformed, or the client has
    ///   gone before its end.
    private func bytes() async throws -> [UInt8] {
        if let collected { return collected }
        if let coding = request.headers[.contentEncoding], coding.lowercased() != "identity" {
            throw RequestError(.contentCodingUnsupported, "a body is taken as it is, not as \(coding.prefix(32))")
        }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > bodyBytesMax { throw tooLarge }
        do {
            return Array(buffer: try await request.body.collect(upTo: bodyBytesMax))
        } catch is NIOTooManyBytesError {
            throw tooLarge
        } catch let error as CancellationError {
            throw error
        } catch {
            throw RequestError(.bodyInvalid, "the body is malformed or has not come to its end", cause: error)
        }
    }

    /// A member that is there twice could mean one thing to a proxy and another one here.
    private static let jsonLimits = JSONLimits(allowsRepeatedNames: false)

    private var tooLarge: RequestError {
        RequestError(.bodyTooLarge, "the body is longer than \(bodyBytesMax) bytes")
    }

    /// - Throws: `request.body_invalid`, `request.media_type_unsupported`.
    func json() async throws -> JSONValue {
        try check(MediaType.json)
        do {
            return try JSONValue(parsing: try await bytes(), limits: Self.jsonLimits)
        } catch let error as JSONParsingError {
            throw RequestError(.bodyInvalid, "the body is no JSON: \(error.message)", cause: error)
        }
    }

    /// The body as text of one of these media types.
    func text(of types: Set<String>) async throws -> String {
        try check(types)
        let bytes = try await bytes()
        guard !bytes.isEmpty else { throw RequestError(.bodyInvalid, "there is no body") }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw RequestError(.bodyInvalid, "the body is no UTF-8 text")
        }
        return text
    }

    /// A body without a media type is taken for what the route takes.
    private func check(_ types: Set<String>) throws {
        guard let given = request.headers[.contentType] else { return }
        let type = MediaType.essence(of: given)
        guard types.contains(type) || types.contains(Answer.json) && type.hasSuffix("+json") else {
            throw RequestError(
                .mediaTypeUnsupported,
                "a body of type \(type.prefix(64)) is not taken here; send \(types.sorted().joined(separator: " or "))")
        }
    }
}

enum MediaType {
    static let json: Set<String> = [Answer.json]
    static let documents: Set<String> = [Answer.json, "application/yaml", "application/x-yaml", "text/yaml"]

    /// Type and subtype in lower case, without parameters.
    static func essence(of header: String) -> String {
        header.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
    }
}

/// A request as its handler sees it.
package struct Call<Body: Sendable>: Sendable {
    private let exchange: Exchange
    package let body: Body

    init(_ exchange: Exchange, body: Body) {
        self.exchange = exchange
        self.body = body
    }

    /// Whoever has the token.
    package var caller: Caller {
        guard let caller = exchange.caller else { preconditionFailure("a route that is open asked who calls") }
        return caller
    }

    /// Of a route with `access: .optional`; `nil` for a stranger.
    package var optionalCaller: Caller? { exchange.caller }

    package var principal: Principal { caller.principal }
    package var workspace: WorkspaceID { principal.workspace }
    package var client: ClientInfo { exchange.client }
    package var requestID: String { exchange.requestID }

    package var bearerToken: String? { exchange.request.bearerToken }

    /// Whether the client is on this machine.
    package var isFromLoopback: Bool { exchange.origin.isLoopback }

    package func header(_ name: HTTPField.Name) -> String? { exchange.request.headers[name] }

    /// What `Accept` says comes first is wanted; only an explicit wish for another type than JSON counts.
    package func accepts(_ mediaType: String) -> Bool {
        header(.accept)?.split(separator: ",").contains { MediaType.essence(of: String($0)) == mediaType } ?? false
    }

    /// The same key again means the same request: 1...255 visible ASCII characters.
    /// - Throws: `request.parameter_invalid`.
    package var idempotencyKey: String? { get throws { try exchange.idempotencyKey } }

    /// A parameter of the path.
    /// - Throws: `request.parameter_invalid`.
    package func path<Value>(_ parameter: Parameter<Value>) throws -> Value {
        guard let text = exchange.parameters.get(parameter.name) else { throw invalid(parameter) }
        let plain = text.utf8.contains(UInt8(ascii: "%")) ? text.removingPercentEncoding : text
        guard let plain, let value = parameter.read(plain) else { throw invalid(parameter) }
        return value
    }

    /// A parameter of the query, if it is there.
    /// - Throws: `request.parameter_invalid`.
    package func query<Value>(_ parameter: Parameter<Value>) throws -> Value? {
        // Hummingbird has decoded it.
        let texts = exchange.request.uri.queryParameters[values: parameter.name[...]]
        guard let text = texts.first else { return nil }
        guard texts.count == 1 else {
            throw RequestError(.parameterInvalid, "\(parameter.name) is there \(texts.count) times; once is right")
        }
        guard let value = parameter.read(String(text)) else { throw invalid(parameter) }
        return value
    }

    /// A parameter of the query that may be there several times.
    /// - Throws: `request.parameter_invalid`, also for more than ``Parameter/repetitionsMax``.
    package func queryAll<Value>(_ parameter: Parameter<Value>) throws -> [Value] {
        let texts = exchange.request.uri.queryParameters[values: parameter.name[...]]
        guard texts.count <= Parameter<Value>.repetitionsMax else { throw invalid(parameter) }
        return try texts.map { text in
            guard let value = parameter.read(String(text)) else { throw invalid(parameter) }
            return value
        }
    }

    /// A parameter that is a header, if it is there.
    /// - Throws: `request.parameter_invalid`.
    package func header<Value>(_ parameter: Parameter<Value>) throws -> Value? {
        guard let name = HTTPField.Name(parameter.name), let text = header(name) else { return nil }
        guard let value = parameter.read(text) else { throw invalid(parameter) }
        return value
    }

    /// How many items a page has.
    package var limit: Int { get throws { try query(Query.limit) ?? 50 } }

    /// Where the page before ended.
    package func cursor(of list: String) throws -> Cursor? { try query(Query.cursor).map { try Cursor($0, of: list) } }

    /// The piece of a list that is wanted.
    package func page(of list: String) throws -> PageRequest {
        PageRequest(after: try cursor(of: list)?.key, limit: try limit)
    }

    private func invalid(_ parameter: some AnyParameter) -> RequestError {
        RequestError(
            .parameterInvalid, "\(parameter.name) has to fit \(parameter.schema.jsonText): \(parameter.description)")
    }
}

extension Request {
    /// The token of `Authorization: Bearer …`.
    var bearerToken: String? {
        guard let bytes = headers[.authorization]?.utf8 else { return nil }
        // Byte by byte: this is on the path of every request, and Foundation's trimming takes a hundred times as long.
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        guard let schemeEnd = bytes.firstIndex(where: isBlank),
            bytes[..<schemeEnd].elementsEqual("bearer".utf8, by: { $0 | 0x20 == $1 }),
            let first = bytes[schemeEnd...].firstIndex(where: { !isBlank($0) }),
            let last = bytes.lastIndex(where: { !isBlank($0) })
        else { return nil }
        return String(bytes[first...last])
    }
}
