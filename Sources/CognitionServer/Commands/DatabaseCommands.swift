import ArgumentParser
import CognitionCore
import CognitionEvents
import CognitionSQLite
import CognitionStorage
import Foundation

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Brings the database up to date, after a copy of what was there.")

    func run() async throws {
        try await reporting {
            try await Node.withNode(ServerConfiguration(), .owner) { node in
                Terminal.write("\(try node.configuration.databasePath) is up to date")
            }
        }
    }
}

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copies the database into a file, while work goes on.")

    @Argument(help: "The file to write; it must not exist.", completion: .file()) var file: String

    func run() async throws {
        try await reporting {
            try await Node.withNode(ServerConfiguration(), .any) { node in
                try await node.database.backup(to: file)
                Terminal.write("the database is copied to \(file); keys are not part of it")
            }
        }
    }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Puts a backup in the place of the database.",
        discussion: "The database that was there is kept beside it, with a name that ends in .replaced.")

    @Argument(help: "The backup.", completion: .file()) var file: String

    func run() async throws {
        try await reporting {
            let configuration = try ServerConfiguration()
            guard let directory = try DataDirectory.lock(configuration.dataDirectory) else {
                throw CommandFailure(
                    "the data folder is in use by process \(DataDirectory.owner(of: configuration.dataDirectory))")
            }
            defer { withExtendedLifetime(directory) {} }  // the lock is held to the end
            let path = try configuration.databasePath
            let kept = try await keep(path)
            try SQLiteDatabase.restore(from: file, to: path)
            Terminal.write("\(path) is restored from \(file)" + (kept.map { "; what was there is in \($0)" } ?? ""))
        }
    }

    /// Copies the database that is there: as one file when it is sound, else the files as they lie.
    /// - Returns: The copy; `nil` when there is no database.
    private func keep(_ path: String) async throws -> String? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let copy = "\(path).\(SystemWallClock().now.microseconds).replaced"
        do {
            let old = try await SQLiteDatabase.open(at: path)
            do {
                try await old.backup(to: copy)
            } catch {
                await old.close()
                throw error
            }
            await old.close()
        } catch let error as StorageError where error.code == .storageCorrupt {
            for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: path + suffix) {
                try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
            }
        }
        return copy
    }
}

struct EventsCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Reads and verifies the event log.", subcommands: [Tail.self, Verify.self])

    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Prints events as JSON lines, and follows the log.")

        @Option(help: "The position after which to begin; without it, the end of the log.") var after: Int64?
        @Option(help: "Only events of this type. May be repeated.") var type: [String] = []
        @Flag(help: "Ends at the end of the log.") var once = false

        func run() async throws {
            try await reporting {
                try await Node.withNode(ServerConfiguration(), .guest) { node in
                    let filter = EventFilter(workspace: .default, types: type.isEmpty ? nil : type)
                    if once { return try await printAll(node.log, filter) }
                    for try await event in node.log.tail(after: after, filter: filter) {
                        Terminal.write(event.json.jsonText)
                    }
                }
            }
        }

        private func printAll(_ log: EventLog, _ filter: EventFilter) async throws {
            var position = after ?? 0
            while true {
                let page = try await log.readAll(after: position, filter: filter)
                for event in page.events { Terminal.write(event.json.jsonText) }
                position = page.position
                if page.isAtEnd { return }
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks that the log has no gaps and that every event's data has its hash.")

        func run() async throws {
            try await reporting {
                try await Node.withNode(ServerConfiguration(), .guest) { node in
                    let report = try await node.log.verifyAll()
                    for problem in report.problems { Terminal.write("\(problem)") }
                    guard report.problems.isEmpty else {
                        throw CommandFailure("the log is damaged in \(report.problems.count) places")
                    }
                    Terminal.write("\(report.events) events in \(report.streams) streams: no gaps, every hash right")
                }
            }
        }
    }
}

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Prints the configuration that is in force, secrets masked.")

    @Flag(help: "Prints JSON.") var json = false

    func run() async throws {
        try await reporting {
            let configuration = try ServerConfiguration()
            _ = try configuration.databasePath
            if json {
                let members = configuration.shown.map { ($0.name, JSONValue.string($0.value)) }
                return Terminal.write(JSONValue.object(JSONObject(members)).jsonText)
            }
            for (name, value, isGiven) in configuration.shown {
                Terminal.write("\(name) = \(value)\(isGiven ? "   (set)" : "")")
            }
            for warning in configuration.warnings { Terminal.note("warning: \(warning)") }
        }
    }
}
