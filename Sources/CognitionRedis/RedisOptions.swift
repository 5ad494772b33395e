package import CognitionCore
import NIOSSL

/// Where Redis is, and the bounds of a client.
package struct RedisOptions: Sendable {
    /// A name or an address, without brackets.
    package var host: String
    package var port: Int
    /// The server's default user when empty.
    package var user = ""
    package var password = Secret("")
    /// Messages of channels do not know of databases.
    package var database = 0
    /// `nil` for a connection in the clear.
    package var tls: TLS?

    /// For the connection, TLS and the first commands, together.
    package var connectTimeout: Duration = .seconds(5)
    /// How long an answer may take; then the connection is given up.
    package var commandTimeout: Duration = .seconds(5)
    /// After which silence the server is asked for a sign of life.
    package var pingInterval: Duration = .seconds(10)
    /// Between two tries to connect; the first comes sooner.
    package var reconnectMax: Duration = .seconds(5)
    /// Commands that wait for their answers.
    package var commandsMax = 16_384
    /// Bytes of them.
    package var commandBytesMax = 16 << 20
    package var limits = RESPLimits()

    package struct TLS: Sendable {
        /// A file with certificates (PEM) of authorities that are trusted in place of the system's.
        package var rootsPath: String?

        package init(rootsPath: String? = nil) { self.rootsPath = rootsPath }
    }

    package init(host: String, port: Int = RedisOptions.standardPort) {
        self.host = host
        self.port = port
    }

    package static let standardPort = 6_379
}

extension RedisOptions {
    /// Reads `redis://USER:PASSWORD@HOST:PORT/DATABASE`; all but the host may be left out, and `rediss://` is with TLS.
    /// - Throws: `redis.configuration_invalid`, without any of the text.
    package init(url: String) throws {
        let rest: Substring
        let isEncrypted = url.hasPrefix("rediss://")
        if isEncrypted || url.hasPrefix("redis://") {
            rest = url.dropFirst(isEncrypted ? 9 : 8)
        } else {
            throw Self.invalid("an address of Redis begins with redis:// or rediss://")
        }
        let path = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = path[0].split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count <= 2, let place = parts.last, !rest.contains(where: { $0 == "?" || $0 == "#" }) else {
            throw Self.invalid(
                "an address of Redis is rediss://USER:PASSWORD@HOST:PORT/DATABASE; other marks are percent-encoded")
        }
        let (host, port) = try Self.place(place)
        self.init(host: host, port: port)
        if parts.count == 2 { try readCredentials(parts[0]) }
        if path.count == 2, !path[1].isEmpty {
            guard let number = Int(path[1]), (0...65_535).contains(number) else {
                throw Self.invalid("behind the / of an address of Redis stands the number of a database")
            }
            database = number
        }
        if isEncrypted { tls = TLS() }
    }

    private mutating func readCredentials(_ text: Substring) throws {
        let words = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let decoded = words.map { String($0).percentDecoded }
        guard words.count == 2, let name = decoded[0], let word = decoded[1] else {
            throw Self.invalid("before the @ of an address of Redis stands USER:PASSWORD or :PASSWORD, percent-encoded")
        }
        (user, password) = (name, Secret(word))
    }

    private static func place(_ text: Substring) throws -> (host: String, port: Int) {
        let host: Substring
        let rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]"),
                IPAddress(String(text[text.index(after: text.startIndex)..<end])) != nil
            else { throw invalid("an address of Redis has no IPv6 address between its brackets") }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
        } else {
            host = text.prefix { $0 != ":" }
            rest = text[host.endIndex...]
        }
        guard !host.isEmpty else { throw invalid("an address of Redis has no host") }
        if rest.isEmpty { return (String(host), standardPort) }
        guard rest.first == ":", let port = Int(rest.dropFirst()), (1...65_535).contains(port) else {
            throw invalid("the port of an address of Redis is a number from 1 to 65535")
        }
        return (String(host), port)
    }

    static func invalid(_ message: String) -> RedisError { RedisError(.redisConfiguration, message) }

    /// Who is connected to, for logs and errors.
    var peer: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    /// - Throws: `redis.configuration_invalid` when the file of roots cannot be used.
    package func check() throws { _ = try tlsContext() }

    func tlsContext() throws -> NIOSSLContext? {
        guard let tls else { return nil }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let path = tls.rootsPath { configuration.trustRoots = .file(path) }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw RedisError(
                .redisConfiguration, "the certificates \(tls.rootsPath ?? "of the system") cannot be used", cause: error
            )
        }
    }
}

extension String {
    /// `nil` where a percent sign is not followed by two digits, or what comes out is no UTF-8.
    fileprivate var percentDecoded: String? {
        var bytes: [UInt8] = []
        var rest = Array(utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
