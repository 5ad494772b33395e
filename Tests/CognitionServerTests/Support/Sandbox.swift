import CognitionCore
import CognitionPostgres
import CognitionPostgresServer
import CognitionSQLite
import CognitionStorage
import CognitionTestSupport
import Foundation
import Synchronization

/// A working folder and a data folder of a test's own, and the real program in them.
///
/// With `COGNITIONOS_TEST_DATABASE=postgres` its database is one of a PostgreSQL server, else a file in the data folder.
struct Sandbox: Sendable {
    let folder: String
    /// The address of the database; `nil` for the file.
    let database: String?
    private let started = Started()

    private final class Started: Sendable {
        let programs = Mutex<[Program]>([])
    }

    fileprivate init(folder: String, database: String?) {
        self.folder = folder
        self.database = database
    }

    /// Whether databases are files; what only such ones have is not tested on others.
    static let isEmbedded = ProcessInfo.processInfo.environment["COGNITIONOS_TEST_DATABASE"] != "postgres"

    var dataFolder: String { folder + "/data" }

    /// Writes a file of the working folder.
    /// - Returns: Its absolute path.
    func file(_ name: String, _ content: some Sequence<UInt8>) throws -> String {
        let path = folder + "/" + name
        try Data(content).write(to: URL(fileURLWithPath: path))
        return path
    }

    func file(_ name: String, _ text: String) throws -> String { try file(name, text.utf8) }

    /// A file of zero bytes that takes no place on the disk.
    func emptyFile(_ name: String, bytes: Int) throws {
        guard truncate(try file(name, ""), bytes) == 0 else { throw TestFailure("\(name) cannot be made") }
    }

    /// Starts the program; it is killed at the end of the test at the latest.
    ///
    /// - Parameters:
    ///   - data: The data folder; the sandbox's own unless told otherwise.
    ///   - input: What comes on standard input.
    ///   - memoryBytesMax: What the kernel lets the program have.
    func start(
        _ arguments: String..., data: String? = nil, environment: [String: String] = [:], input: String? = nil,
        memoryBytesMax: Int? = nil
    ) throws -> Program {
        try start(arguments, data: data, environment: environment, input: input, memoryBytesMax: memoryBytesMax)
    }

    func start(
        _ arguments: [String], executable: String? = nil, data: String? = nil, environment: [String: String] = [:],
        input: String? = nil, memoryBytesMax: Int? = nil
    ) throws -> Program {
        var all = ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder, "DATA_DIR": data ?? dataFolder]
        all["DATABASE_URL"] = database
        all.merge(environment) { $1 }
        let program = try Program(
            executable ?? Binary.path(), arguments, environment: all, workingFolder: folder,
            input: try input.map { try file("input-\(UUID().uuidString)", $0) } ?? "/dev/null",
            memoryBytesMax: memoryBytesMax)
        started.programs.withLock { $0.append(program) }
        return program
    }

    /// Runs the program to its end.
    func run(
        _ arguments: String..., data: String? = nil, environment: [String: String] = [:], input: String? = nil,
        memoryBytesMax: Int? = nil
    ) async throws -> Program.Ending {
        try await start(
            arguments, data: data, environment: environment, input: input, memoryBytesMax: memoryBytesMax
        ).ending()
    }

    /// Runs the program, which has to end with 0, and reads the JSON that it prints.
    func json(_ arguments: String..., data: String? = nil) async throws -> JSONValue {
        let ending = try await start(arguments, data: data).ending()
        guard ending.exitCode == 0 else {
            throw TestFailure("\(arguments) ended with \(ending.exitCode ?? -1):\n\(ending.errors)")
        }
        return try JSONValue(parsing: ending.output)
    }

    /// Changes the database behind the program's back, which must not be running.
    func changeDatabase(_ statement: SQL) async throws {
        try await withDatabase { database in
            try await database.write { tx in _ = try tx.execute(statement) }
        }
    }

    /// A number that the database has, read behind the program's back, which must not be running.
    func number(_ statement: SQL) async throws -> Int64 {
        try await withDatabase { database in
            try await database.read { tx in try tx.first(statement) { try $0[0] as Int64 } } ?? 0
        }
    }

    private func withDatabase<Value>(_ body: (any Database) async throws -> Value) async throws -> Value {
        let database: any Database =
            if let database { try await openPostgres(database) } else {
                try await SQLiteDatabase.open(at: dataFolder + "/cognition.db")
            }
        do {
            let value = try await body(database)
            await database.close()
            return value
        } catch {
            await database.close()
            throw error
        }
    }

    fileprivate func end() {
        for program in started.programs.withLock({ $0 }) { program.kill() }
    }
}

func withSandbox<Value>(_ body: (Sandbox) async throws -> Value) async throws -> Value {
    if Sandbox.isEmbedded { return try await withSandbox(on: nil, body) }
    return try await TestPostgres.withDatabase { url in try await withSandbox(on: url, body) }
}

/// - Parameter database: The address of its database.
func withSandbox<Value>(on database: String?, _ body: (Sandbox) async throws -> Value) async throws -> Value {
    try await withTemporaryDirectory { folder in
        let sandbox = Sandbox(folder: folder, database: database)
        defer { sandbox.end() }
        return try await body(sandbox)
    }
}

/// Where things are.
enum Binary {
    /// The program, which the build puts beside the test bundle.
    static func path() throws -> String {
        let bundles = [CommandLine.arguments[0], Bundle.main.executablePath].compactMap(\.self)
        for bundle in bundles {
            var folder = URL(fileURLWithPath: bundle).resolvingSymlinksInPath().deletingLastPathComponent()
            for _ in 0..<4 {
                let path = folder.appendingPathComponent("cognitionos").path
                if FileManager.default.isExecutableFile(atPath: path) { return path }
                folder.deleteLastPathComponent()
            }
        }
        throw TestFailure("cognitionos is not beside the test bundle (\(bundles)); build everything first: swift build")
    }

    /// The folder of the repository.
    static func repository() -> String {
        var url = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { url.deleteLastPathComponent() }
        return url.path
    }
}
