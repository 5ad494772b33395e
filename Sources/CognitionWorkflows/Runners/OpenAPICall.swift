import CognitionCore
import CognitionDocuments
import Synchronization

/// The `openapi` call: reads the document, and calls the operation as an `http` call would.
struct OpenAPICall: Sendable {
    static let documentBytesMax = 4 << 20

    private let http: HTTPCall
    private let clock: any WallClock
    private let cache = OpenAPIDocumentCache()

    init(http: HTTPCall, clock: any WallClock) {
        self.http = http
        self.clock = clock
    }

    /// - Parameter idempotencyKey: Sent where the task asks for it, or the operation's method is not idempotent.
    /// - Throws: What ``HTTPCall`` throws, and a `WorkflowFault` of type configuration or validation.
    func send(
        _ call: OpenAPICallRequest, in workspace: WorkspaceID, idempotencyKey: String?, deadline: Timestamp?,
        sensitive: SensitiveValues
    ) async throws -> JSONValue {
        let document = try await document(of: call, in: workspace, deadline: deadline, sensitive)
        let operation = try document.operation(call.operationID)
        let (url, headers, body) = try operation.request(with: call.parameters, in: document)
        let request = HTTPCallRequest(
            method: operation.method, url: url, headers: headers, body: body, output: call.output,
            redirect: call.redirect, credentials: call.credentials)
        let sendsKey = call.declaresEffect || !DefinitionReader.httpMethodsIdempotent.contains(operation.method)
        return try await http.send(
            request, idempotencyKey: sendsKey ? idempotencyKey : nil, deadline: deadline, sensitive: sensitive)
    }

    /// From the cache, unless credentials are needed: what one may see another may not.
    private func document(
        of call: OpenAPICallRequest, in workspace: WorkspaceID, deadline: Timestamp?, _ sensitive: SensitiveValues
    ) async throws -> OpenAPIDocument {
        let key = OpenAPIDocumentCache.Key(workspace: workspace, url: call.document.url)
        let isShared = call.document.credentials == nil
        if isShared, let known = cache.find(key, now: clock.now) { return known }
        let answer = try await http.exchange(
            call.document, idempotencyKey: nil, deadline: deadline, sensitive: sensitive)
        guard answer.body.count <= Self.documentBytesMax else {
            throw OpenAPIDocument.fault("it has more than \(Self.documentBytesMax) bytes")
        }
        let document = try await Self.read(answer)
        if isShared { cache.keep(document, bytes: answer.body.count, for: key, now: clock.now) }
        return document
    }

    /// Read on a thread of its own choice: a large document takes a while.
    @concurrent private static func read(_ answer: OutboundResponse) async throws -> OpenAPIDocument {
        guard let text = String(validating: answer.body, as: UTF8.self) else {
            throw OpenAPIDocument.fault("it is no UTF-8 text")
        }
        let limits = YAMLLimits(bytesMax: documentBytesMax, depthMax: 256, nodesMax: 1_000_000)
        let value: JSONValue
        do {
            value = try PositionedDocument(yamlOrJSON: text, limits: limits).value
        } catch {
            throw OpenAPIDocument.fault("it is neither JSON nor YAML: line \(error.line): \(error.reason)")
        }
        return try OpenAPIDocument(value, url: answer.url)
    }
}

/// Documents that were read lately: at most ``countMax`` and ``bytesMax`` of text, the oldest goes first.
private final class OpenAPIDocumentCache: Sendable {
    static let countMax = 64
    static let bytesMax = 16 << 20
    /// A changed document is seen after so long at the latest.
    static let life: Duration = .seconds(300)

    struct Key: Hashable {
        let workspace: WorkspaceID
        let url: String
    }

    private struct Entry {
        let document: OpenAPIDocument
        let bytes: Int
        let until: Timestamp
    }

    private let entries = Mutex<[Key: Entry]>([:])

    func find(_ key: Key, now: Timestamp) -> OpenAPIDocument? {
        entries.withLock { entries in entries[key].flatMap { $0.until > now ? $0.document : nil } }
    }

    func keep(_ document: OpenAPIDocument, bytes: Int, for key: Key, now: Timestamp) {
        entries.withLock { entries in
            entries[key] = Entry(document: document, bytes: bytes, until: now + Self.life)
            while entries.count > Self.countMax || entries.values.reduce(0, { $0 + $1.bytes }) > Self.bytesMax,
                let oldest = entries.min(by: { $0.value.until < $1.value.until })?.key
            {
                entries[oldest] = nil
            }
        }
    }
}
