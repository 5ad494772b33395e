import CognitionCore
import CognitionLanguageModels
import Synchronization

/// The two remote providers.
enum RemoteProvider: String, CaseIterable, Sendable {
    case openAI = "openai"
    case anthropic

    static let key = "sk-test-0123456789abcdef"

    func make(
        _ server: ScriptedServer, http: any OutboundHTTP, limits: ProviderLimits? = nil,
        model: String = "claude-haiku-4-5", clock: any WallClock = SystemWallClock()
    ) -> any LanguageModelProvider {
        switch self {
        case .openAI:
            OpenAIProvider(
                baseURL: server.url + "/v1/", apiKey: Secret(Self.key), http: http, defaultModel: "gpt-test",
                limits: limits ?? OpenAIProvider.standardLimits, clock: clock)
        case .anthropic:
            AnthropicProvider(
                baseURL: server.url, apiKey: Secret(Self.key), http: http, defaultModel: model,
                limits: limits ?? ProviderLimits(), clock: clock)
        }
    }

    /// A short answer with text.
    var plainStream: String { self == .openAI ? ProviderStreams.openAIText : ProviderStreams.anthropicPlain }
}

/// What came of one request: the answer or error, what was heard, and what the server saw.
struct Exchange: Sendable {
    var result: Result<Completion, LanguageModelError>
    var heard: String
    var requests: [ScriptedServer.Request]

    var error: LanguageModelError? { if case .failure(let error) = result { error } else { nil } }
    var body: JSONValue { requests.last?.body ?? .null }
}

/// Asks a provider over a real connection to a server that gives `replies` in turn, the last one again and again.
func exchange(
    with provider: RemoteProvider, asking request: CompletionRequest = .init(prompt: "Hi"),
    limits: ProviderLimits? = nil, model: String = "claude-haiku-4-5", clock: any WallClock = SystemWallClock(),
    _ replies: ScriptedServer.Reply...
) async throws -> Exchange {
    let replies = replies
    return try await withServer { number, _ in
        replies[min(number, replies.count - 1)]
    } _: { server in
        try await withHTTP { http in
            let heard = Mutex("")
            let observer = CompletionObserver { event in
                if case .text(let piece) = event { heard.withLock { $0 += piece } }
            }
            let own = provider.make(server, http: http, limits: limits, model: model, clock: clock)
            let result: Result<Completion, LanguageModelError>
            do {
                result = .success(try await own.complete(request, observer: observer))
            } catch let error as LanguageModelError {
                result = .failure(error)
            }
            return Exchange(result: result, heard: heard.withLock { $0 }, requests: server.requests)
        }
    }
}

/// Records what it is asked to send, and never answers.
final class RecordingHTTP: OutboundHTTP {
    private let sent = Mutex<OutboundRequest?>(nil)

    var last: OutboundRequest? { sent.withLock { $0 } }

    func send(_ request: OutboundRequest) async throws -> OutboundResponse {
        sent.withLock { $0 = request }
        throw OutboundHTTPError(OutboundHTTPError.unreachable, "there is no network in this test")
    }

    func stream<Result: Sendable>(
        _ request: OutboundRequest, firstByteTimeout: Duration, idleTimeout: Duration,
        body: @escaping @Sendable (OutboundStream) async throws -> Result
    ) async throws -> Result {
        _ = try await send(request)
        preconditionFailure("It never answers.")
    }
}

/// Answers every request with the same event stream.
struct CannedHTTP: OutboundHTTP {
    let bytes: [UInt8]

    func send(_ request: OutboundRequest) async throws -> OutboundResponse {
        OutboundResponse(status: 200, body: bytes, url: request.url)
    }

    func stream<Result: Sendable>(
        _ request: OutboundRequest, firstByteTimeout: Duration, idleTimeout: Duration,
        body: @escaping @Sendable (OutboundStream) async throws -> Result
    ) async throws -> Result {
        let bytes = bytes
        let chunks = OutboundStream.Chunks {
            var rest: [UInt8]? = bytes
            return .init {
                defer { rest = nil }
                return rest
            }
        }
        return try await body(
            OutboundStream(
                status: 200, headers: [("Content-Type", "text/event-stream")], url: request.url, chunks: chunks))
    }
}

extension String {
    func trimmingSuffix(_ suffix: String) -> String { hasSuffix(suffix) ? String(dropLast(suffix.count)) : self }
}
