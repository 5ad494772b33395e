import Foundation
import Synchronization

/// Takes spans by OTLP/HTTP, says thank you, and forgets them: what tracing costs is then the server's own.
final class TraceSink: Sendable {
    private static let answer = Array(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".utf8)

    let port: Int
    private let descriptor: Int32
    private let received = Atomic(0)

    /// Bytes of all requests.
    var bytes: Int { received.load(ordering: .relaxed) }

    /// - Throws: `BenchmarkFailure` when it cannot listen.
    init() throws {
        port = try Socket.freePort()
        #if canImport(Glibc)
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let listener = descriptor
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isBound, listen(descriptor, 16) == 0 else { throw BenchmarkFailure("the sink of spans cannot listen") }
        Thread.detachNewThread { [self] in
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                Thread.detachNewThread { self.serve(connection) }
            }
        }
    }

    func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    /// Requests come one after the other; one ends where its `Content-Length` says.
    private func serve(_ connection: Int32) {
        defer { close(connection) }
        var pending: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        while case let count = recv(connection, &chunk, chunk.count, 0), count > 0 {
            pending.append(contentsOf: chunk[..<count])
            received.add(count, ordering: .relaxed)
            guard let head = pending.firstRange(of: Array("\r\n\r\n".utf8)) else { continue }
            let fields = String(decoding: pending[..<head.lowerBound], as: UTF8.self).lowercased()
            let length = fields.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
                .flatMap { Int($0.filter(\.isNumber)) }
            guard let length, pending.count >= head.upperBound + length else { continue }
            pending.removeFirst(head.upperBound + length)
            guard send(connection, Self.answer, Self.answer.count, 0) == Self.answer.count else { return }
        }
    }
}
