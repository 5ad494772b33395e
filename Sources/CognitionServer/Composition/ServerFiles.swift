import CognitionCore
import CognitionIdentity
import Foundation
import ServiceLifecycle

/// How commands on this machine find the server that holds the data folder: `DATA_DIR/server.url` and, for whoever may
/// read it, `DATA_DIR/operator.token`.
struct ServerFiles: Service {
    private static let life: Duration = .seconds(24 * 3_600)
    /// Long before a token ends, so that a command never finds one that is about to.
    private static let interval: Duration = .seconds(3_600)

    let folder: String
    let identity: Identity

    static func tokenPath(in folder: String) -> String { folder + "/operator.token" }
    static func urlPath(in folder: String) -> String { folder + "/server.url" }

    /// Called once the server takes connections.
    func announce(host: String, port: Int) async throws {
        try await writeToken()
        let name = ["0.0.0.0", "::", ""].contains(host) ? "127.0.0.1" : host
        let url = name.contains(":") ? "http://[\(name)]:\(port)" : "http://\(name):\(port)"
        try PrivateFile.write(url + "\n", to: Self.urlPath(in: folder))
    }

    /// Renews the token until the server ends, then takes both files away.
    func run() async throws {
        for await _ in AsyncTimerSequence(interval: Self.interval).cancelOnGracefulShutdown() {
            try await writeToken()
        }
        for path in [Self.tokenPath(in: folder), Self.urlPath(in: folder)] { unlink(path) }
    }

    private func writeToken() async throws {
        let token = try await identity.operatorToken(life: Self.life)
        try PrivateFile.write(token.reveal() + "\n", to: Self.tokenPath(in: folder))
    }
}

/// One element every interval, until the task is cancelled.
private struct AsyncTimerSequence: AsyncSequence, AsyncIteratorProtocol, Sendable {
    let interval: Duration

    func makeAsyncIterator() -> AsyncTimerSequence { self }

    func next() async -> Void? {
        // Its only error is cancellation, which is the end.
        try? await Task.sleep(for: interval)
        return Task.isCancelled ? nil : ()
    }
}
