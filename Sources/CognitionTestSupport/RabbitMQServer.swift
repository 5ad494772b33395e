import CognitionPostgresServer
import Foundation
import Synchronization

/// A RabbitMQ broker for tests, with an Erlang port mapper of its own: on free ports in a folder of its own.
///
/// As root it runs as the user `rabbitmq`. A shell watches over it, so that it ends with this process, however that ends.
package final class RabbitMQServer: Sendable {
    package let folder: String
    package let port: Int
    /// Where it speaks TLS; `nil` without.
    package let securePort: Int?
    private let portMapperPort: Int
    private let hasPortMapper = Atomic(false)
    package static let user = "cognition"
    package static let password = "a password for tests"

    private static let program = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// Makes a broker, lends it, and removes it.
    /// - Parameter isSecure: Whether it also speaks TLS, with ``rootCertificate``.
    package static func withServer<Value>(
        isSecure: Bool = false, _ body: (RabbitMQServer) async throws -> Value
    ) async throws -> Value {
        let server = try RabbitMQServer(isSecure: isSecure)
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

    /// Makes its files; whoever makes one removes it.
    package init(isSecure: Bool = false) throws {
        guard FileManager.default.isExecutableFile(atPath: Self.program) else {
            throw Failure(description: "RabbitMQ is not installed; on Debian: apt-get install rabbitmq-server")
        }
        folder = NSTemporaryDirectory() + "cognition-mq-\(UUID().uuidString.prefix(8))"
        port = try PostgresServer.freePort()
        portMapperPort = try PostgresServer.freePort()
        securePort = isSecure ? try PostgresServer.freePort() : nil
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var lines = [
            "default_user = \(Self.user)", "default_pass = \(Self.password)", "log.file.level = error",
            "listeners.tcp.default = 127.0.0.1:\(port)",
        ]
        if let securePort {
            try makeCertificates()
            lines += [
                "listeners.ssl.default = 127.0.0.1:\(securePort)", "ssl_options.cacertfile = \(rootCertificate)",
                "ssl_options.certfile = \(folder)/server.pem", "ssl_options.keyfile = \(folder)/server.key",
            ]
        }
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: file("broker.conf"))
        try Data().write(to: file("plugins"))
        if getuid() == 0 { try Self.run("/bin/chown", ["-R", "rabbitmq", folder]) }
    }

    /// What its certificate, which is for `localhost`, is checked by.
    package var rootCertificate: String { folder + "/root.pem" }

    package func url(user: String = RabbitMQServer.user, password: String = RabbitMQServer.password) -> String {
        "amqp://\(user):\(password.replacing(" ", with: "%20"))@127.0.0.1:\(port)"
    }

    // MARK: Life

    /// Starts it, under the eyes of a shell that ends it when this process is gone.
    package func start() throws {
        if !hasPortMapper.exchange(true, ordering: .relaxed) { try startPortMapper() }
        try? FileManager.default.removeItem(at: file("broker.pid"))
        let shell = try startShell(
            """
            \(try prefix()) \(Self.program) >> '\(folder)/log.txt' 2>&1 < /dev/null &
            server=$!
            while kill -0 \(getpid()) 2>/dev/null && kill -0 $server 2>/dev/null; do sleep 0.2; done
            kill -0 \(getpid()) 2>/dev/null && exit
            kill -KILL $(cat '\(folder)/broker.pid') 2>/dev/null
            wait $server
            rm -rf '\(folder)'
            """)
        let deadline = ContinuousClock.now + .seconds(60)
        while shell.isRunning, ContinuousClock.now < deadline {
            if answers { return }
            usleep(50_000)
        }
        let log = (try? String(contentsOf: file("log.txt"), encoding: .utf8)) ?? ""
        throw Failure(description: "the broker does not start: \(log)")
    }

    /// Starts what Erlang's nodes are found by, in a shell that ends it when this process or the folder is gone. Without one,
    /// a node would start one itself, and leave it.
    private func startPortMapper() throws {
        _ = try startShell(
            """
            \(try prefix()) /usr/bin/epmd -port \(portMapperPort) >> '\(folder)/log.txt' 2>&1 < /dev/null &
            mapper=$!
            while kill -0 \(getpid()) 2>/dev/null && [ -d '\(folder)' ]; do sleep 0.2; done
            kill $mapper
            """)
    }

    private func startShell(_ script: String) throws -> Process {
        let shell = Process()
        // Signals that this process blocks would be blocked there too, and a shell waits for ever without SIGCHLD.
        shell.executableURL = URL(fileURLWithPath: "/usr/bin/perl")
        shell.arguments = [
            "-MPOSIX", "-e", "sigprocmask(SIG_SETMASK, POSIX::SigSet->new); exec @ARGV", "/bin/sh", "-c",
            "trap '' INT HUP\ncd '\(folder)'\n" + script,
        ]
        shell.standardInput = FileHandle.nullDevice
        shell.standardOutput = FileHandle.nullDevice
        shell.standardError = FileHandle.nullDevice
        try shell.run()
        return shell
    }

    /// How a command begins that the server's user is to run with our settings and no others.
    private func prefix() throws -> String {
        let settings = [
            "HOME": folder, "RABBITMQ_NODENAME": "test\(port)@localhost", "RABBITMQ_MNESIA_BASE": folder + "/data",
            "RABBITMQ_LOG_BASE": folder + "/log", "RABBITMQ_NODE_PORT": "\(port)",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_DIST_PORT": "\(try PostgresServer.freePort())",
            "RABBITMQ_CONFIG_FILE": folder + "/broker", "RABBITMQ_ENABLED_PLUGINS_FILE": folder + "/plugins",
            "RABBITMQ_CONF_ENV_FILE": folder + "/none", "RABBITMQ_ADVANCED_CONFIG_FILE": folder + "/none.config",
            "RABBITMQ_PID_FILE": folder + "/broker.pid", "ERL_EPMD_PORT": "\(portMapperPort)",
            "ERL_EPMD_ADDRESS": "127.0.0.1", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
        ]
        let words = Self.asServerUser + ["/usr/bin/env", "-i"] + settings.map { "\($0.key)=\($0.value)" }
        return words.map { "'\($0)'" }.joined(separator: " ")
    }

    /// Ends it: in good order, or as when the machine loses its power.
    package func stop(_ signal: Int32 = SIGTERM) throws {
        let id = try processID
        kill(id, signal)
        let deadline = ContinuousClock.now + .seconds(30)
        while kill(id, 0) == 0, ContinuousClock.now < deadline { usleep(5_000) }
    }

    /// Runs the broker's own command line on it.
    /// - Returns: What it has written.
    @discardableResult
    package func control(_ arguments: String...) throws -> String {
        let words = (["/usr/lib/rabbitmq/bin/rabbitmqctl"] + arguments).map { "'\($0)'" }.joined(separator: " ")
        let output = "\(folder)/control-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: output) }
        try Self.run("/bin/sh", ["-c", "\(try prefix()) \(words) > '\(output)'"], in: folder)
        return try String(contentsOfFile: output, encoding: .utf8)
    }

    /// Sends it a signal, e.g. one that makes it hang.
    package func send(_ signal: Int32) throws { kill(try processID, signal) }

    private var processID: pid_t {
        get throws {
            let text = try String(contentsOf: file("broker.pid"), encoding: .utf8)
            guard let id = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
                throw Failure(description: "the broker has no process id: \(text)")
            }
            return id
        }
    }

    package func remove() {
        // It may have been stopped already.
        try? stop(SIGKILL)
        // The shell still looks at the file of the process id.
        usleep(300_000)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Whether it answers the header of the protocol.
    private var answers: Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = UInt16(port).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        let header = Array("AMQP".utf8) + [0, 0, 9, 1]
        guard isConnected, write(descriptor, header, header.count) == header.count else { return false }
        var byte: UInt8 = 0
        return read(descriptor, &byte, 1) == 1
    }

    // MARK: Programs

    private func file(_ name: String) -> URL { URL(fileURLWithPath: folder + "/" + name) }

    private static var asServerUser: [String] {
        getuid() == 0 ? ["/usr/bin/setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--clear-groups"] : []
    }

    private func makeCertificates() throws {
        let commands = [
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=root -keyout root.key -out root.pem",
            "req -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout server.key -out server.csr",
            "x509 -req -in server.csr -CA root.pem -CAkey root.key -days 2 -copy_extensions copy -out server.pem",
        ]
        for command in commands {
            try Self.run("/usr/bin/openssl", command.split(separator: " ").map(String.init), in: folder)
        }
    }

    private static func run(_ program: String, _ arguments: [String], in folder: String = "/") throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: "\(program) \(arguments) has failed") }
    }
}

/// The broker that all tests share, started when the first asks for it; it ends with this process.
package enum TestRabbitMQ {
    private static let shared = Result {
        let server = try RabbitMQServer(isSecure: true)
        try server.start()
        return server
    }

    package static var server: RabbitMQServer { get throws { try shared.get() } }
}
