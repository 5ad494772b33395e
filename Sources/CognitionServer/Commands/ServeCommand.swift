import ArgumentParser
import CognitionCore

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
            do {
                try await Server.run(configuration)
            } catch {
                guard let fault = Self.listenFault(error, configuration) else { throw error }
                throw fault
            }
        }
    }

    /// What is wrong with the address, when that is why the server has ended. Its own error is the network library's, which
    /// knows no settings; asking the system once more tells the same in words that do.
    private static func listenFault(_ error: any Error, _ configuration: ServerConfiguration) -> CommandFailure? {
        if error is CommandFailure || error is any CodedError || error is CancellationError { return nil }
        return ListenAddress(host: configuration[.host], port: configuration.number(.port)).fault
            .map(CommandFailure.init)
    }
}
