import CognitionCore
import CognitionHTTPClient
import Metrics

/// Lends a client to `body` and shuts it down.
func withClient<Result: Sendable>(
    _ settings: HTTPClientSettings = .init(),
    lookup: (@Sendable (String) throws -> [IPAddress])? = nil,
    _ body: (OutboundHTTPClient) async throws -> Result
) async throws -> Result {
    let client =
        lookup.map { OutboundHTTPClient(settings: settings, metrics: NOOPMetricsHandler.instance, lookup: $0) }
        ?? OutboundHTTPClient(settings: settings, metrics: NOOPMetricsHandler.instance)
    do {
        let result = try await body(client)
        await client.shutdown()
        return result
    } catch {
        await client.shutdown()
        throw error
    }
}

/// Sends one request to a peer that runs `script` and returns what came of it.
func exchange(
    _ request: OutboundRequest = OutboundRequest(url: "", timeout: .seconds(10), bodyBytesMax: 1_000),
    settings: HTTPClientSettings = .init(),
    _ script: @escaping @Sendable (inout PeerConnection) async throws -> Void
) async throws -> Result<OutboundResponse, OutboundHTTPError> {
    try await withPeer(script) { peer in
        try await withClient(settings) { client in
            var request = request
            request.url = peer.url("/start")
            do { return .success(try await client.send(request)) } catch let error as OutboundHTTPError {
                return .failure(error)
            }
        }
    }
}

extension Result where Failure == OutboundHTTPError {
    var code: ErrorCode? { if case .failure(let error) = self { error.code } else { nil } }
}
