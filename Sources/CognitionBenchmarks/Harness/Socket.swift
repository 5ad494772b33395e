import Foundation

/// A TCP connection to this machine, for one thread; what it waits for longer than ``patience`` seconds has failed.
///
/// Bare system calls, so that a client costs next to nothing beside what it measures.
final class Socket {
    private static let patience = 30

    let descriptor: Int32

    /// - Throws: `BenchmarkFailure` when nobody takes connections there.
    init(port: Int) throws {
        descriptor = try Self.make()
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout.size(ofValue: one)))
        var time = timeval(tv_sec: Self.patience, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout.size(ofValue: time)))
        }
        let result = Self.withLoopback(port: port) { connect(descriptor, $0, $1) }
        guard result == 0 else {
            let failure = Self.failure("nobody answers on port \(port)")
            close(descriptor)
            throw failure
        }
    }

    deinit { close(descriptor) }

    /// A connection that is being made, and waits for nothing; whoever has it closes it.
    /// - Parameter bufferBytes: So much of what is not read the system keeps, unless it decides by itself.
    static func connecting(port: Int, bufferBytes: Int32? = nil) throws -> Int32 {
        let descriptor = try make()
        var one: Int32 = 1
        if var bufferBytes {
            let size = socklen_t(MemoryLayout.size(ofValue: bufferBytes))
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bufferBytes, size)
        }
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout.size(ofValue: one)))
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        let result = withLoopback(port: port) { connect(descriptor, $0, $1) }
        guard result == 0 || errno == EINPROGRESS else {
            let failure = Self.failure("nobody answers on port \(port)")
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Self.noSignal) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("a connection cannot be written") }
            rest = rest.dropFirst(count)
        }
    }

    /// Appends what has come, once there is something.
    /// - Throws: `BenchmarkFailure` also at the end of the connection.
    func read(into bytes: inout [UInt8]) throws {
        try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { buffer in
            while true {
                let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw Self.failure("a connection cannot be read") }
                guard count > 0 else { throw BenchmarkFailure("a connection was closed by the other side") }
                return bytes.append(contentsOf: buffer[..<count])
            }
        }
    }

    /// Throws away what has come, without waiting for more.
    /// - Returns: The end of it.
    /// - Throws: `BenchmarkFailure` at the end of the connection.
    func discard() throws -> [UInt8] {
        try withUnsafeTemporaryAllocation(byteCount: 1 << 14, alignment: 8) { buffer in
            var last: [UInt8] = []
            while true {
                let count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
                if count < 0, errno == EINTR { continue }
                guard count != 0 else { throw BenchmarkFailure("a connection was closed by the other side") }
                guard count > 0 else { return last }
                last = Array(buffer[max(0, count - 300)..<count])
            }
        }
    }

    /// A port that nobody uses now.
    static func freePort() throws -> Int {
        let descriptor = try make()
        defer { close(descriptor) }
        guard withLoopback(port: 0, { bind(descriptor, $0, $1) }) == 0 else { throw failure("no port is free") }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else { throw failure("no port is free") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static func make() throws -> Int32 {
        #if canImport(Darwin)
            let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #else
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        guard descriptor >= 0 else { throw failure("no socket can be made") }
        return descriptor
    }

    #if canImport(Darwin)
        static let noSignal: Int32 = 0
    #else
        /// A connection that has ended is an error of the call and does not end the process.
        static let noSignal = Int32(MSG_NOSIGNAL)
    #endif

    private static func withLoopback(
        port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    static func failure(_ text: String) -> BenchmarkFailure {
        BenchmarkFailure("\(text): \(String(cString: strerror(errno)))")
    }
}

/// Which of the connections have something to read; waits until one has.
/// - Throws: `BenchmarkFailure` when none has for `seconds`.
func readable(_ descriptors: [Int32], within seconds: Int = 30) throws -> [Int] {
    var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while true {
        let count = poll(&entries, nfds_t(entries.count), Int32(seconds * 1_000))
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw BenchmarkFailure("nothing has come for \(seconds) seconds") }
        return entries.indices.filter { entries[$0].revents != 0 }
    }
}
