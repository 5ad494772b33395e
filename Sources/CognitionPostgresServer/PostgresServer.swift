import CPostgres
import Foundation

/// A PostgreSQL server for tests and measurements: on a free port and a socket in a folder of its own.
///
/// As root it runs as the user `postgres`. A shell watches over it, so that it ends with this process, however that ends.
package final class PostgresServer: Sendable {
    package let folder: String
    package let port: Int
    package static let user = "cognition"
    package static let password = "a password for tests"
    private let binaries: String

    /// Lends a new empty database beside the one that `address` names.
    package static func withDatabase<Value>(
        at address: String, _ body: (_ url: String) async throws -> Value
    ) async throws -> Value {
        let name = "test_\(UUID().uuidString.lowercased().replacing("-", with: ""))"
        try execute("CREATE DATABASE \(name) TEMPLATE template0", at: address)
        guard var url = URLComponents(string: address) else { throw Failure(text: "\(address) is no address") }
        url.path = "/" + name
        do {
            let value = try await body(url.string ?? address)
            try execute("DROP DATABASE \(name) WITH (FORCE)", at: address)
            return value
        } catch {
            // What the body says is what matters.
            _ = try? execute("DROP DATABASE \(name) WITH (FORCE)", at: address)
            throw error
        }
    }

    /// Runs a statement outside of any transaction, and returns the first value of its first row.
    @discardableResult
    package static func execute(_ statement: String, at address: String) throws -> String? {
        let connection = PQconnectdb(address)
        defer { PQfinish(connection) }
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        let result = PQexec(connection, statement)
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK: return nil
        case PGRES_TUPLES_OK:
            return PQntuples(result) == 0 ? nil : PQgetvalue(result, 0, 0).map { String(cString: $0) }
        default: throw Failure(text: "\(statement): \(String(cString: PQerrorMessage(connection)))")
        }
    }

    package struct Failure: Error, CustomStringConvertible {
        let text: String
        package var description: String { text }
    }

    /// Whether there are programs to run one with.
    package static var isInstalled: Bool { (try? findBinaries()) != nil }

    // MARK: Life

    /// Makes a server, lends it, and removes it.
    /// - Parameter settings: As in `postgresql.conf`.
    package static func withServer<Value>(
        in parent: String = NSTemporaryDirectory(), settings: [String: String] = PostgresServer.forTests,
        _ body: (PostgresServer) async throws -> Value
    ) async throws -> Value {
        let server = try PostgresServer(in: parent, settings: settings)
        do {
            try server.start()
            let value = try await body(server)
            server.remove()
            return value
        } catch {
            server.remove()
            throw error
        }
    }

    /// Fast and forgetful: what is written does not survive a crash of the machine, only one of the server.
    package static let forTests = [
        "fsync": "off", "full_page_writes": "off", "max_connections": "200", "shared_buffers": "64MB",
        "deadlock_timeout": "200ms",
    ]

    /// Makes its files; whoever makes one removes it.
    package init(in parent: String = NSTemporaryDirectory(), settings: [String: String] = PostgresServer.forTests)
        throws
    {
        binaries = try Self.findBinaries()
        folder = URL(fileURLWithPath: parent).appendingPathComponent("cognition-pg-\(UUID().uuidString.prefix(8))").path
        port = try Self.freePort()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data((Self.password + "\n").utf8).write(to: URL(fileURLWithPath: folder + "/password"))
        if getuid() == 0 { try Self.run("/bin/chown", ["-R", "postgres", folder]) }
        try run(
            "initdb",
            [
                "-D", folder + "/data", "-U", Self.user, "--auth-local=trust", "--auth-host=scram-sha-256",
                "--pwfile=\(folder)/password", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
            ])
        var lines = [
            "listen_addresses = '127.0.0.1'", "port = \(port)", "unix_socket_directories = '\(folder)'",
            "log_min_messages = fatal",
        ]
        lines += settings.map { "\($0.key) = '\($0.value)'" }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/data/postgresql.conf"))
        try file.seekToEnd()
        try file.write(contentsOf: Data(lines.joined(separator: "\n").utf8))
        try file.close()
    }

    /// Starts it, under the eyes of a shell that ends it when this process is gone.
    package func start() throws {
        let command = (Self.asServerUser + [binaries + "/postgres", "-D", folder + "/data"]).map { "'\($0)'" }
        let script = """
            trap '' INT HUP
            \(command.joined(separator: " ")) >> '\(folder)/log' 2>&1 < /dev/null &
            server=$!
            while kill -0 \(getpid()) 2>/dev/null && kill -0 $server 2>/dev/null; do sleep 0.5; done
            kill -0 \(getpid()) 2>/dev/null && exit
            kill -QUIT $server 2>/dev/null
            wait $server
            rm -rf '\(folder)'
            """
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            let shell = Process()
            shell.executableURL = URL(fileURLWithPath: "/bin/sh")
            shell.arguments = ["-c", script]
            shell.standardInput = FileHandle.nullDevice
            shell.standardOutput = FileHandle.nullDevice
            shell.standardError = FileHandle.nullDevice
            try shell.run()
            // One that was killed may have left processes that hold its memory for a moment, and then the new one gives up.
            while shell.isRunning, ContinuousClock.now < deadline {
                if (try? Self.execute("SELECT 1", at: address)) != nil { return }
                usleep(20_000)
            }
        }
        throw Failure(
            text: "the server does not start: \((try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "")")
    }

    /// Ends it: in good order, or as when the machine loses its power.
    package func stop(_ signal: Int32 = SIGINT) throws {
        let text = try String(contentsOfFile: folder + "/data/postmaster.pid", encoding: .utf8)
        guard let id = text.split(separator: "\n").first.flatMap({ pid_t($0) }) else { return }
        kill(id, signal)
        let deadline = ContinuousClock.now + .seconds(30)
        while kill(id, 0) == 0, ContinuousClock.now < deadline { usleep(5_000) }
    }

    package func remove() {
        // It may have been stopped already.
        try? stop(SIGQUIT)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// By the socket, where nobody asks for a password.
    package var address: String { address(database: "postgres") }

    package func address(database: String) -> String {
        "postgresql://\(Self.user)@/\(database)?host=\(folder.replacing("/", with: "%2F"))&port=\(port)"
    }

    /// By TCP, with a password.
    package func remoteAddress(database: String = "postgres", options: String = "") -> String {
        let password = Self.password.replacing(" ", with: "%20")
        return "postgresql://\(Self.user):\(password)@127.0.0.1:\(port)/\(database)\(options)"
    }

    // MARK: Programs

    private static func findBinaries() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let folders = versions.compactMap(Double.init).sorted(by: >).map { "\(root)/\($0.formatted())/bin" }
        let others = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        guard
            let found = (folders + others).first(where: { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") }
            )
        else { throw Failure(text: "PostgreSQL's server is not installed; on Debian: apt-get install postgresql") }
        return found
    }

    /// How a command begins that the server's user is to run.
    package static var asServerUser: [String] {
        getuid() == 0 ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []
    }

    /// Runs one of the server's programs, as the server's user, and returns what it prints.
    @discardableResult
    package func run(_ program: String, _ arguments: [String]) throws -> String {
        let words = Self.asServerUser + [binaries + "/" + program] + arguments
        return try Self.run(words[0], Array(words.dropFirst()))
    }

    @discardableResult
    private static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(text: "\(program) \(arguments): \(text)") }
        return text
    }

    package static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isBound else { throw Failure(text: "no free port: \(String(cString: strerror(errno)))") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
