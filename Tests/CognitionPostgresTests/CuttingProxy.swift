import CognitionCore
import Foundation
import Synchronization

/// A way to a server that breaks again and again: each connection passes so many bytes, drawn by lot, and is cut then, in the
/// middle of whatever is under way, in either direction.
final class CuttingProxy: Sendable {
    let port: Int
    private let listener: Int32
    private let target: Int
    private let state: Mutex<State>

    private struct State {
        var random: SplitMix64
        var bytes: ClosedRange<Int>
        var cuts = 0
        var isClosed = false
        /// Both ends of each connection.
        var open: Set<Int32> = []
    }

    /// - Parameter bytes: How many a connection passes, in both directions together.
    init(to target: Int, bytes: ClosedRange<Int>, seed: UInt64) throws {
        self.target = target
        state = Mutex(State(random: SplitMix64(seed: seed), bytes: bytes))
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { [listener] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread { [self] in take() }.start()
    }

    /// Connections that were cut.
    var cuts: Int { state.withLock { $0.cuts } }

    /// Cuts what is connected now. The server takes what it was sent, as it would when a cable is pulled.
    func cut() {
        state.withLock { state in
            for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// From now on nothing is cut any more.
    func heal() { state.withLock { $0.bytes = .max ... .max } }

    func close() {
        state.withLock { $0.isClosed = true }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return address
    }

    // MARK: Threads

    private func take() {
        while !state.withLock({ $0.isClosed }) {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = Self.loopback(target)
            let isConnected = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            let left = state.withLock { isConnected ? $0.bytes.randomElement(using: &$0.random) ?? 0 : 0 }
            Thread { [self] in pass(between: client, and: server, left: left) }.start()
        }
        Foundation.close(listener)
    }

    /// Until either ends, or enough has passed.
    private func pass(between client: Int32, and server: Int32, left: Int) {
        state.withLock { $0.open.formUnion([client, server]) }
        defer {
            state.withLock { $0.open.subtract([client, server]) }
            Foundation.close(client)
            Foundation.close(server)
        }
        var left = left
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while left > 0 {
            var polled = [client, server].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&polled, 2, -1) > 0 || errno == EINTR else { return }
            for (from, to) in [(0, 1), (1, 0)] where polled[from].revents != 0 && left > 0 {
                // What goes beyond is cut off, so that a message may end in its middle.
                let count = recv(polled[from].fd, &buffer, min(buffer.count, left), 0)
                guard count > 0, write(buffer[..<count], to: polled[to].fd) else { return }
                if left < .max { left -= count }
            }
        }
        state.withLock { $0.cuts += 1 }
    }

    private func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
