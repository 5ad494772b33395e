import CognitionCore
import CognitionIdentity
import Foundation
import Logging
import ServiceLifecycle

/// How commands on this machine find the server that holds the data folder: `DATA_DIR/server.url` and, for whoever may
/// read it, `DATA_DIR/operator.token`.
struct ServerFiles: Service {
    private static let life: Duration = .seconds(2 * 3_600)
    /// Long before a token ends, so that a command never finds one that is about to, even when writing fails a few times.
    private static let interval: Duration = .seconds(900)

    let folder: String
    let identity: Identity

    static func tokenPath(in folder: String) -> String { folder + "/operator.token" }
    static func urlPath(in folder: String) -> String { folder + "/server.url" }

    // MARK: Read by commands

    /// Where the server is that holds the folder; `nil` when none does. Files of a server that was killed are taken away.
    static func address(in folder: String) throws -> ServerAddress? {
        // What is wrong with the folder, if anything is, is said by whoever opens it.
        guard FileManager.default.fileExists(atPath: urlPath(in: folder)),
            let url = try PrivateFile.read(urlPath(in: folder))?.trimmed, !url.isEmpty
        else { return nil }
        if let directory = try DataDirectory.lock(folder) {
            removeStale(from: directory)
            return nil
        }
        return ServerAddress(url: url, process: DataDirectory.owner(of: folder), folder: folder)
    }

    /// The token with which a command acts as the operator; `nil` once the server has taken it away.
    static func token(in folder: String) throws -> Secret? {
        try PrivateFile.read(tokenPath(in: folder)).map { Secret($0.trimmed) }
    }

    /// Takes away what a server that was killed has left. Whoever gets the lock does this first: a command that finds the
    /// files beside a held lock can then rely on it that the holder is the server, and sends its token to nobody else.
    static func removeStale(from directory: DataDirectory) {
        for path in [tokenPath(in: directory.path), urlPath(in: directory.path)] { unlink(path) }
    }

    // MARK: Written by the server

    /// Called once the server takes connections.
    func announce(host: String, port: Int, isEncrypted: Bool) async throws {
        try await writeToken()
        let name = ["0.0.0.0", "::", ""].contains(host) ? "127.0.0.1" : host
        let scheme = isEncrypted ? "https" : "http"
        let url = name.contains(":") ? "\(scheme)://[\(name)]:\(port)" : "\(scheme)://\(name):\(port)"
        try PrivateFile.write(url + "\n", to: Self.urlPath(in: folder))
        if Terminal.isInteractive {
            Terminal.write("CognitionOS \(Release.version) answers on \(url)")
            Terminal.write("The API is described on \(url)/docs; Ctrl-C ends the server in good order.")
        }
    }

    /// Renews the token until the server ends, then takes both files away.
    func run() async throws {
        for await _ in AsyncTimerSequence(interval: Self.interval).cancelOnGracefulShutdown() {
            do {
                try await writeToken()
            } catch {
                // A full disk, for one, is no reason to end; without a good token only commands do not find in.
                Logger.current.error("The command line's token could not be renewed", metadata: ["error": "\(error)"])
            }
        }
        for path in [Self.tokenPath(in: folder), Self.urlPath(in: folder)] { unlink(path) }
    }

    /// Writes a token of the key that signs now.
    @Sendable func renewToken() async throws { try await writeToken() }

    private func writeToken() async throws {
        let token = try await identity.operatorToken(life: Self.life)
        try PrivateFile.write(token.reveal() + "\n", to: Self.tokenPath(in: folder))
    }
}

/// A server that holds a data folder.
struct ServerAddress: Sendable, CustomStringConvertible {
    /// Without a path, e.g. `http://127.0.0.1:8100`.
    let url: String
    /// The id of its process.
    let process: String
    let folder: String

    /// A name or an address, without the brackets of IPv6.
    var host: String {
        (URLComponents(string: url)?.host ?? "").trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
    }
    var tokenPath: String { ServerFiles.tokenPath(in: folder) }
    var description: String { "\(url) (process \(process))" }
}

extension String {
    fileprivate var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
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
