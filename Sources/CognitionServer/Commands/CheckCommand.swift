import ArgumentParser
import CognitionCore
import CognitionIdentity
import CognitionLanguageModels
import CognitionSandbox

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Prints the configuration that is in force, secrets masked, and checks it.",
        discussion:
            "Says as well whether a server holds the data folder. Exits with 1 when settings cannot work together.")

    @Flag(help: "Prints JSON.") var json = false

    func run() async throws {
        try await reporting {
            let configuration = try ServerConfiguration()
            let server = try ServerFiles.address(in: configuration.dataDirectory)
            if json {
                var members = JSONObject(configuration.shown.map { ($0.name, JSONValue.string($0.value)) })
                members["server"] = server.map { ["url": .string($0.url), "process": .string($0.process)] } ?? .null
                Terminal.write(JSONValue.object(members).jsonText)
            } else {
                for (name, value, isGiven) in configuration.shown {
                    Terminal.write("\(name) = \(value)\(isGiven ? "   (set)" : "")")
                }
                Terminal.write(
                    server.map { "a server runs at \($0)" }
                        ?? "no server runs on the data folder \(configuration.dataDirectory)")
            }
            try await probeSandbox(configuration)
            for warning in configuration.warnings { Terminal.note("warning: \(warning)") }
            try configuration.checkConflicts()
        }
    }

    /// Says so when scripts and shell commands cannot be run here: everything else works without.
    private func probeSandbox(_ configuration: ServerConfiguration) async throws {
        // Settings that are wrong are named with all others.
        guard let settings = try? configuration.sandbox else { return }
        do {
            try await BubblewrapSandbox(settings: settings).probe()
        } catch let error as SandboxError {
            Terminal.note("warning: workflows cannot run scripts or programs. \(error.message)")
        }
    }
}
