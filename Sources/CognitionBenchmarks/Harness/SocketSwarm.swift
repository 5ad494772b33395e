import CognitionCore
import Foundation

/// Many WebSockets of one server, all of them read by one thread.
final class SocketSwarm {
    /// How each of them becomes one that is told what happens.
    struct Door {
        let port: Int
        let path: String
        var headers: [String] = []
        /// What it says once it is connected; nothing for who is told anyway.
        var greeting: [UInt8]?
        /// What is in the first message after which it is told.
        var welcome: [UInt8] = []
    }

    private enum State { case connecting, upgrading, greeting, open }

    private struct Member {
        var state = State.connecting
        var unread: [UInt8] = []
        let start: ContinuousClock.Instant
    }

    private let door: Door
    private let request: [UInt8]
    private var members: [Member] = []
    private var entries: [pollfd] = []
    private var opened: [Double] = []
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 8)
    /// Text frames that have come to members that were open.
    private(set) var received = 0

    init(_ door: Door) {
        self.door = door
        let lines = [
            "GET \(door.path) HTTP/1.1", "Host: bench", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        request = Array((lines + door.headers + ["", ""]).joined(separator: "\r\n").utf8)
    }

    deinit {
        closeAll()
        buffer.deallocate()
    }

    var count: Int { members.count }

    func closeAll() {
        for entry in entries { close(abs(entry.fd)) }
        entries = []
        members = []
    }

    /// Opens `count` more, all at once.
    /// - Returns: Milliseconds that each took from the beginning until it was told of what happens.
    func open(_ count: Int) throws -> [Double] {
        opened = []
        for _ in 0..<count {
            members.append(Member(start: .now))
            entries.append(pollfd(fd: try Socket.connecting(port: door.port), events: Int16(POLLOUT), revents: 0))
        }
        let end = ContinuousClock.now + .seconds(60)
        while opened.count < count {
            try turn(milliseconds: 1_000) { _, _ in }
            guard ContinuousClock.now < end else {
                throw BenchmarkFailure("only \(opened.count) of \(count) WebSockets could be opened within a minute")
            }
        }
        return opened
    }

    /// From now on nothing is read from the first `count`, until 0 is said.
    func stopReading(_ count: Int) {
        for place in entries.indices {
            let descriptor = abs(entries[place].fd)
            entries[place].fd = place < count ? -descriptor : descriptor
        }
    }

    /// Reads what there is, once there is something or the time is over.
    func turn(milliseconds: Int32, _ each: (_ payload: UnsafeRawBufferPointer, _ now: Timestamp) throws -> Void) throws
    {
        let count = nfds_t(entries.count)
        guard poll(&entries, count, milliseconds) > 0 else { return }
        for place in entries.indices where entries[place].revents != 0 {
            let events = entries[place].revents
            entries[place].revents = 0
            if members[place].state == .connecting {
                members[place].state = .upgrading
                entries[place].events = Int16(POLLIN)
                try write(request, to: place)
            } else if events & Int16(POLLIN | POLLHUP | POLLERR) != 0 {
                try read(place, each)
            }
        }
    }

    private func write(_ bytes: [UInt8], to place: Int) throws {
        // What is said fits into an empty buffer of the kernel.
        guard send(entries[place].fd, bytes, bytes.count, Socket.noSignal) == bytes.count else {
            throw Socket.failure("a connection cannot be written")
        }
    }

    private func read(_ place: Int, _ each: (UnsafeRawBufferPointer, Timestamp) throws -> Void) throws {
        let count = recv(entries[place].fd, buffer.baseAddress, buffer.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else { throw BenchmarkFailure("a connection was closed by the other side") }
        let now = SystemWallClock().now
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        guard members[place].state == .open, members[place].unread.isEmpty else {
            members[place].unread.append(contentsOf: bytes)
            if members[place].state == .upgrading { try finishHandshake(place) }
            guard members[place].state != .upgrading else { return }
            let unread = members[place].unread
            let used = try unread.withUnsafeBytes { try frames($0, place, now, each) }
            members[place].unread.removeFirst(used)
            return
        }
        let used = try frames(bytes, place, now, each)
        if used < count { members[place].unread.append(contentsOf: bytes[used...]) }
    }

    private func finishHandshake(_ place: Int) throws {
        guard let end = members[place].unread.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
        guard members[place].unread.starts(with: Array("HTTP/1.1 101".utf8)) else {
            throw BenchmarkFailure(
                "no WebSocket: \(String(decoding: members[place].unread.prefix(200), as: UTF8.self))")
        }
        members[place].unread.removeSubrange(..<end.upperBound)
        guard let greeting = door.greeting else { return welcome(place) }
        members[place].state = .greeting
        try write(WebSocketClient.frame(greeting), to: place)
    }

    private func welcome(_ place: Int) {
        members[place].state = .open
        opened.append((ContinuousClock.now - members[place].start).seconds * 1e3)
    }

    /// Frames from the server: not masked, never in fragments.
    /// - Returns: How many bytes were whole frames.
    private func frames(
        _ bytes: UnsafeRawBufferPointer, _ place: Int, _ now: Timestamp,
        _ each: (UnsafeRawBufferPointer, Timestamp) throws -> Void
    ) throws -> Int {
        var start = 0
        while bytes.count - start >= 2 {
            var head = start + 2
            var length = Int(bytes[start + 1] & 0x7F)
            let lengthBytes = length == 126 ? 2 : length == 127 ? 8 : 0
            guard bytes.count >= head + lengthBytes else { break }
            if lengthBytes > 0 { length = bytes[head..<head + lengthBytes].reduce(0) { $0 << 8 | Int($1) } }
            head += lengthBytes
            guard bytes.count - head >= length else { break }
            let payload = UnsafeRawBufferPointer(rebasing: bytes[head..<head + length])
            if bytes[start] & 0x0F == 1 {
                if members[place].state == .open {
                    received += 1
                    try each(payload, now)
                } else if payload.position(of: door.welcome) != nil {
                    welcome(place)
                }
            }
            start = head + length
        }
        return start
    }
}

extension UnsafeRawBufferPointer {
    /// Where `bytes` begin.
    func position(of bytes: [UInt8]) -> Int? {
        guard let base = baseAddress, let first = bytes.first else { return nil }
        var start = 0
        while start + bytes.count <= count,
            let found = memchr(base + start, Int32(first), count - bytes.count - start + 1)
        {
            let place = UnsafeRawPointer(found) - base
            if memcmp(base + place, bytes, bytes.count) == 0 { return place }
            start = place + 1
        }
        return nil
    }
}
