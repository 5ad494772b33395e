package import CognitionCore
package import CognitionEvents
import Foundation

/// How a broker is reached, and how long anything may take.
package struct RabbitMQOptions: Sendable {
    package var host = "localhost"
    package var port = 5672
    package var user = "guest"
    package var password = Secret("guest")
    package var virtualHost = "/"
    /// Whether the connection is encrypted; then the server's certificate and name are checked.
    package var isEncrypted = false
    /// A PEM file with the certificates that the server's is checked by.
    package var rootCertificates = "/etc/ssl/certs/ca-certificates.crt"
    /// How the broker lists the connection.
    package var connectionName = "cognitionos"

    /// The topic exchange that events are published to; 1...255 bytes.
    package var exchange = "cognitionos.events"

    /// The queue in which events of other systems arrive; 1...250 bytes.
    package var inbox = "cognitionos.inbox"
    /// Messages of it that one node may hold without an answer, 1...256.
    package var prefetch = 64

    /// Bytes of one frame at most, as RabbitMQ proposes them; the broker may want fewer.
    package var frameBytesMax = 131_072
    /// Bytes that a frame which comes may have more than one that is sent; then nothing long can be sent.
    var frameRoom = 0

    /// How long opening a connection may take.
    package var connectTimeout: Duration = .seconds(5)
    /// How long the broker has to answer, and to confirm a batch.
    package var answerTimeout: Duration = .seconds(30)
    /// How often both sides say that they are there; a connection is lost after twice that.
    package var heartbeat: Duration = .seconds(20)

    package init() {}

    /// - Parameter url: `amqp://USER:PASSWORD@HOST:PORT/VHOST`, or `amqps://…`, in which any part after the scheme may be
    ///   missing and reserved characters are percent-encoded.
    /// - Throws: `bus.refused` for what is no such address; nothing of it is in the message, as it may hold a password.
    package init(url: String) throws(EventError) {
        self.init()
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(),
            ["amqp", "amqps"].contains(scheme), parts.query == nil, parts.fragment == nil
        else {
            throw EventError(
                .busRefused, "the address of RabbitMQ is amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps://… with TLS")
        }
        isEncrypted = scheme == "amqps"
        port = parts.port ?? (isEncrypted ? 5671 : 5672)
        guard (1...65_535).contains(port) else {
            throw EventError(.busRefused, "the port in RabbitMQ's address is 1 to 65535")
        }
        if let host = parts.host, !host.isEmpty {
            self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        }
        if let user = parts.user { self.user = user }
        if let password = parts.password { self.password = Secret(password) }
        let path = String(parts.percentEncodedPath.dropFirst())
        guard !path.contains("/"), let name = path.removingPercentEncoding else {
            throw EventError(.busRefused, "the virtual host in RabbitMQ's address is one word; a slash in it is %2F")
        }
        virtualHost = name.isEmpty ? "/" : name
    }

    /// Where messages lie that were put aside.
    package var deadLetters: String { inbox + ".dead" }

    /// For people; without user and password.
    var place: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}
