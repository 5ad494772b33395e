import ArgumentParser
import CognitionCore
import CognitionIdentity

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Prints an operator token, good for everything in the workspace default.",
        discussion: """
            While a server holds the data folder, it is the server's own token, which is good for a day at most; with --life, \
            and without a server, one is made. Use it as: Authorization: Bearer TOKEN.
            """)

    @Option(help: "How long it is good for, e.g. 30m, 24h, 90d; 24h unless the server has one.") var life: TokenLife?

    func run() async throws {
        try await reporting {
            let configuration = try ServerConfiguration()
            let token = try await RemoteServer.withServer(configuration) { server in
                if let server, life == nil { return server.token }
                let made = try await make(configuration)
                // The server may have been started with another SECURITY_SECRET_KEY than this command.
                if let server { try await server.check(made) }
                return made
            }
            Terminal.write(token.reveal())
        }
    }

    private func make(_ configuration: ServerConfiguration) async throws -> Secret {
        try await Node.withNode(configuration, .any) { node in
            try await node.identity(mayCreateKeys: node.isOwner).operatorToken(life: life?.duration ?? .seconds(86_400))
        }
    }
}

/// A time that a token is good for, as it is written on the command line.
struct TokenLife: ExpressibleByArgument {
    private static let range = Duration.seconds(60)...Duration.seconds(365 * 86_400)

    let duration: Duration

    /// `nil` for a text that is no duration from a minute to 365 days.
    init?(argument: String) {
        // Why it is none, ArgumentParser has no way to tell.
        guard let duration = try? Duration(configurationText: argument, bareUnit: .seconds),
            Self.range.contains(duration)
        else { return nil }
        self.duration = duration
    }
}
