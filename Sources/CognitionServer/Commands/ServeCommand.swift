import ArgumentParser

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serves the HTTP API and WebSockets, and runs executions.",
        discussion: "Ends in good order on SIGTERM and SIGINT. Settings come from the environment: cognitionos check.")

    @Option(help: "The address to listen on, instead of API_HOST.") var host: String?
    @Option(help: "The port, instead of API_PORT; 0 takes a free one.") var port: Int?

    func run() async throws {
        try await reporting {
            var configuration = try ServerConfiguration()
            if let host { try configuration.set(.host, to: host) }
            if let port { try configuration.set(.port, to: String(port)) }
            try await Server.run(configuration)
        }
    }
}
