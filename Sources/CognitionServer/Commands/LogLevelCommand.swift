import ArgumentParser
import CognitionCore

struct LogLevelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-level", abstract: "Shows or changes which lines the running server's log has.",
        discussion: """
            A change counts at once and until the server ends; OBSERVABILITY_LOG_LEVEL is what it begins with. Levels: \
            trace, debug, info, notice, warning, error, critical.
            """)

    @Argument(help: "The least severe lines to write; without it the level is shown.") var level: LogLevelArgument?
    @Flag(help: "Prints JSON.") var json = false

    func run() async throws {
        try await reporting {
            let answer = try await RemoteServer.withServer(ServerConfiguration()) { server in
                guard let server else { throw CommandFailure("no server runs on the data folder") }
                guard let level else { return try await server.call("GET", "log-level") }
                return try await server.call("PUT", "log-level", body: .json(["level": .string(level.rawValue)]))
            }
            Terminal.write(json ? answer.jsonText : answer["level"]?.stringValue ?? "")
        }
    }
}

/// The levels of the log, as they are written on the command line.
enum LogLevelArgument: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, notice, warning, error, critical
}
