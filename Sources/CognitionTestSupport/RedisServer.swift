import CognitionPostgresServer
import Foundation

/// A Redis server of a test's own: on a free port of 127.0.0.1, with its files in a temporary folder. A shell watches over it, so
/// that it ends with this process, however that ends.
package final class RedisServer: Sendable {
    package enum Encryption: Sendable {
        case none
        /// With a certificate for `localhost` and 127.0.0.1, signed by itself.
        case tls
    }

    package static let password = "a password: for / tests@"

    package let port: Int
    private let folder: String
    private let encryption: Encryption
    private let settings: [String]

    /// Lends a server that runs, and removes it afterwards.
    /// - Parameter settings: Further lines of its configuration file.
    package static func with<Value>(
        _ encryption: Encryption = .none, password: String? = nil, settings: [String] = [],
        _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        try await withTemporaryDirectory { folder in
            let server = RedisServer(
                in: folder, port: try PostgresServer.freePort(), encryption,
                settings: (password.map { ["requirepass \"\($0)\""] } ?? []) + settings)
            do {
                if encryption == .tls { try server.makeCertificate() }
                try server.start()
                let value = try await body(server)
                server.stop()
                return value
            } catch {
                server.stop()
                throw error
            }
        }
    }

    private init(in folder: String, port: Int, _ encryption: Encryption, settings: [String]) {
        self.folder = folder
        self.port = port
        self.encryption = encryption
        self.settings = settings
    }

    /// The certificate that a client trusts.
    package var certificate: String { folder + "/redis.crt" }

    package func start() throws {
        let listening =
            encryption == .tls
            ? [
                "port 0", "tls-port \(port)", "tls-cert-file \(certificate)", "tls-key-file \(folder)/redis.key",
                "tls-auth-clients no",
            ] : ["port \(port)"]
        let lines =
            listening + ["bind 127.0.0.1", "dir \(folder)", "save \"\"", "appendonly no", "daemonize no"] + settings
        try lines.joined(separator: "\n").write(toFile: folder + "/redis.conf", atomically: true, encoding: .utf8)
        try? FileManager.default.removeItem(atPath: folder + "/pid")
        let script = """
            trap '' INT HUP
            redis-server '\(folder)/redis.conf' >> '\(folder)/log' 2>&1 < /dev/null &
            server=$!
            echo $server > '\(folder)/pid.new' && mv '\(folder)/pid.new' '\(folder)/pid'
            while kill -0 \(getpid()) 2>/dev/null && kill -0 $server 2>/dev/null; do sleep 0.5; done
            kill -0 \(getpid()) 2>/dev/null && exit
            kill -KILL $server 2>/dev/null
            rm -rf '\(folder)'
            """
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", script]
        shell.standardInput = FileHandle.nullDevice
        shell.standardOutput = FileHandle.nullDevice
        shell.standardError = FileHandle.nullDevice
        try shell.run()
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            if process != nil, takesConnections { return }
            usleep(5_000)
        }
        let log = (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? ""
        throw Failure(description: "redis-server does not start; on Debian: apt-get install redis-server. \(log)")
    }

    package struct Failure: Error, CustomStringConvertible { package let description: String }

    private var process: pid_t? {
        (try? String(contentsOfFile: folder + "/pid", encoding: .utf8))
            .flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    private var takesConnections: Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    /// Ends it as the loss of its machine would.
    package func stop() {
        guard let process else { return }
        kill(process, SIGKILL)
        let deadline = ContinuousClock.now + .seconds(10)
        while takesConnections, ContinuousClock.now < deadline { usleep(2_000) }
    }

    /// Lets it stand still, or go on.
    package func pause(_ pauses: Bool) {
        if let process { kill(process, pauses ? SIGSTOP : SIGCONT) }
    }

    private func makeCertificate() throws {
        let command = """
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
            -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout '\(folder)/redis.key' -out '\(certificate)' 2>/dev/null
            """
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", command]
        try shell.run()
        shell.waitUntilExit()
        guard shell.terminationStatus == 0 else { throw Failure(description: "openssl makes no certificate") }
    }
}
