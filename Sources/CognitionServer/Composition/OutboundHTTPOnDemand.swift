import CognitionCore
import CognitionHTTPClient
import Synchronization

/// The way out, made when it is first used: most commands call nobody, and need not wait for the client and its threads.
///
/// `shutdown()` is called once at the end; requests after it fail.
final class OutboundHTTPOnDemand: OutboundHTTP {
    private enum State {
        /// May become made or ended.
        case notMade
        /// May become ended.
        case made(OutboundHTTPClient)
        case ended
    }

    private let settings: HTTPClientSettings
    private let state = Mutex(State.notMade)

    init(settings: HTTPClientSettings) { self.settings = settings }

    func send(_ request: OutboundRequest) async throws -> OutboundResponse { try await client().send(request) }

    func stream<Result: Sendable>(
        _ request: OutboundRequest, firstByteTimeout: Duration, idleTimeout: Duration,
        body: @escaping @Sendable (OutboundStream) async throws -> Result
    ) async throws -> Result {
        try await client().stream(
            request, firstByteTimeout: firstByteTimeout, idleTimeout: idleTimeout, body: body)
    }

    func shutdown() async {
        let client: OutboundHTTPClient? = state.withLock { state in
            defer { state = .ended }
            if case .made(let client) = state { return client }
            return nil
        }
        await client?.shutdown()
    }

    private func client() throws -> OutboundHTTPClient {
        try state.withLock { state in
            switch state {
            case .made(let client): return client
            case .notMade:
                let client = OutboundHTTPClient(settings: settings)
                state = .made(client)
                return client
            case .ended:
                throw OutboundHTTPError(OutboundHTTPError.overloaded, "The client was shut down.")
            }
        }
    }
}
