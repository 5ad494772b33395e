import CognitionCore
import Foundation

/// Many WebSockets of one server, all of them read by one thread, which spends next to nothing on a message: what it takes is
/// missing to the server on the same cores.
///
/// Messages are counted at each socket, frame by frame. All get the same ones in the same order, so the third that comes to a
/// socket is the third that was sent, and it is through once it has come to all.
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
        /// Messages that it has missed, and that come before it counts as open.
        var missed = 0
        /// What every message begins with that is counted; the others are not. Each then ends with its offset, which has to be
        /// the one after the last.
        var beginning: [UInt8] = []
    }

    /// Milliseconds from the beginning of a connection.
    struct Opening {
        /// Until the handshake was answered.
        var handshakes: [Double] = []
        /// Until it is told what happens, and has been told what it had missed.
        var openings: [Double] = []
    }

    private enum State: UInt8 { case connecting, upgrading, greeting, missing, open }

    private struct Member {
        var state = State.connecting
        var isStopped = false
        let descriptor: Int32
        /// Messages since ``begin()``, or of those that were missed.
        var count = 0
        var offset = 0
        let start: ContinuousClock.Instant
        /// The beginning of a frame whose rest has not come.
        var unread: [UInt8] = []
    }

    /// Once fewer than this are ready, it waits a moment for more: being woken for each message costs both sides more than the
    /// message.
    private static let few = 64
    private static let moment: UInt32 = 100
    /// So many are begun before those are looked at that have come further.
    private static let begunAtOnce = 16
    /// Bytes that those who will be stopped take from the network on their own.
    private static let smallBufferBytes: Int32 = 4_096

    private let door: Door
    private let request: [UInt8]
    private let poll: SocketPoll
    private let members: UnsafeMutablePointer<Member>
    private let membersMax: Int
    private(set) var count = 0
    private var opening = Opening()
    /// Those that wait with their greeting until so many handshakes are done.
    private var held: (first: Int, handshakes: Int)?
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 8)
    /// How many have each of the messages.
    private var arrivals: [Int32] = []
    private var readers: Int32 = 0
    /// Messages since ``begin()`` that all have who read.
    private(set) var through = 0
    /// Messages since ``begin()`` that have come, each as often as it came.
    private(set) var received = 0
    /// Of the last message that has come.
    private(set) var lastBytes = 0

    init(_ door: Door, max: Int) throws {
        self.door = door
        poll = try SocketPoll()
        membersMax = max
        members = .allocate(capacity: max)
        let lines = [
            "GET \(door.path) HTTP/1.1", "Host: bench", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        request = Array((lines + door.headers + ["", ""]).joined(separator: "\r\n").utf8)
    }

    deinit {
        closeAll()
        members.deallocate()
        buffer.deallocate()
    }

    func closeAll() {
        for place in 0..<count { close(members[place].descriptor) }
        members.deinitialize(count: count)
        poll.removeAll()
        count = 0
    }

    // MARK: Connections

    /// Opens `count` more, all at once.
    /// - Parameters:
    ///   - small: So many of them can be stopped, as the network keeps little for them.
    ///   - holdsGreetings: Nobody says anything before all handshakes are done.
    func open(_ count: Int, small: Int = 0, holdsGreetings: Bool = false) throws -> Opening {
        precondition(self.count + count <= membersMax, "a swarm has a size")
        opening = Opening()
        held = holdsGreetings ? (self.count, count) : nil
        for number in 0..<count {
            let place = self.count
            let descriptor = try Socket.connecting(
                port: door.port, bufferBytes: number < small ? Self.smallBufferBytes : nil)
            (members + place).initialize(to: Member(descriptor: descriptor, start: .now))
            self.count += 1
            try poll.add(descriptor, place: place, writable: true)
            if number % Self.begunAtOnce == 0 { try turn(milliseconds: 0) { _ in } }
        }
        let end = ContinuousClock.now + .seconds(60)
        while opening.openings.count < count {
            try turn(milliseconds: 1_000) { _ in }
            guard ContinuousClock.now < end else {
                throw BenchmarkFailure(
                    "only \(opening.openings.count) of \(count) WebSockets could be opened within a minute")
            }
        }
        return opening
    }

    /// From now on nothing is read from the first `count`.
    func stopReading(_ count: Int) {
        for place in 0..<count where !members[place].isStopped {
            members[place].isStopped = true
            poll.remove(members[place].descriptor, place: place)
        }
    }

    // MARK: Messages

    /// Counts anew; whatever was sent has come.
    func begin() {
        arrivals.removeAll(keepingCapacity: true)
        (readers, through, received) = (0, 0, 0)
        for place in 0..<count where !members[place].isStopped {
            members[place].count = 0
            readers += 1
        }
    }

    /// Reads what there is, once there is something or the time is over.
    /// - Parameter each: Called with the number of each message that is through, from 0 on.
    func turn(milliseconds: Int32, _ each: (Int) -> Void) throws {
        let ready = try poll.wait(milliseconds: milliseconds) { place in
            if members[place].state == .connecting {
                members[place].state = .upgrading
                poll.expectReading(members[place].descriptor, place: place)
                try write(request, to: place)
            } else {
                try read(place, each)
            }
        }
        if milliseconds > 0, ready > 0, ready < Self.few { usleep(Self.moment) }
    }

    private func write(_ bytes: [UInt8], to place: Int) throws {
        // What is said fits into an empty buffer of the kernel.
        guard send(members[place].descriptor, bytes, bytes.count, Socket.noSignal) == bytes.count else {
            throw Socket.failure("a connection cannot be written")
        }
    }

    private func read(_ place: Int, _ each: (Int) -> Void) throws {
        let member = members + place
        let count = recv(member.pointee.descriptor, buffer.baseAddress, buffer.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        if count < 0 { throw Socket.failure("a connection cannot be read") }
        guard count > 0 else { throw BenchmarkFailure("a connection was closed by the other side") }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        if member.pointee.state.rawValue >= State.missing.rawValue, member.pointee.unread.isEmpty {
            let used = try frames(bytes, place, each)
            if used < count { member.pointee.unread.append(contentsOf: bytes[used...]) }
            return
        }
        member.pointee.unread.append(contentsOf: bytes)
        if member.pointee.state == .upgrading { try finishHandshake(place) }
        guard member.pointee.state != .upgrading else { return }
        let unread = member.pointee.unread
        let used = try unread.withUnsafeBytes { try frames($0, place, each) }
        member.pointee.unread.removeFirst(used)
        if member.pointee.unread.isEmpty { member.pointee.unread = [] }
    }

    private func finishHandshake(_ place: Int) throws {
        let member = members + place
        guard let end = member.pointee.unread.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
        guard member.pointee.unread.starts(with: Array("HTTP/1.1 101".utf8)) else {
            throw BenchmarkFailure(
                "no WebSocket: \(String(decoding: member.pointee.unread.prefix(200), as: UTF8.self))")
        }
        opening.handshakes.append((ContinuousClock.now - member.pointee.start).seconds * 1e3)
        member.pointee.unread.removeSubrange(..<end.upperBound)
        guard let greeting = door.greeting else { return welcome(place) }
        member.pointee.state = .greeting
        guard let held else { return try write(WebSocketClient.frame(greeting), to: place) }
        guard opening.handshakes.count == held.handshakes else { return }
        let frame = WebSocketClient.frame(greeting)
        for place in held.first..<count { try write(frame, to: place) }
    }

    private func welcome(_ place: Int) {
        guard members[place].count >= door.missed else { return members[place].state = .missing }
        members[place].state = .open
        opening.openings.append((ContinuousClock.now - members[place].start).seconds * 1e3)
    }

    /// Frames from the server: not masked, never in fragments.
    /// - Returns: How many bytes were whole frames.
    private func frames(_ bytes: UnsafeRawBufferPointer, _ place: Int, _ each: (Int) -> Void) throws -> Int {
        var start = 0
        let end = bytes.count
        while end - start >= 2 {
            var head = start + 2
            var length = Int(bytes[start + 1] & 0x7F)
            if length == 126 {
                guard end - start >= 4 else { break }
                length = Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
                head += 2
            } else if length == 127 {
                guard end - start >= 10 else { break }
                length = (2..<10).reduce(0) { $0 << 8 | Int(bytes[start + $1]) }
                head += 8
            }
            guard end - head >= length else { break }
            let payload = UnsafeRawBufferPointer(rebasing: bytes[head..<head + length])
            switch bytes[start] & 0x0F {
            case 1: try text(payload, place, each)
            case 8:
                throw BenchmarkFailure(
                    "a connection was closed: \(String(decoding: payload.dropFirst(2), as: UTF8.self))")
            case 9: try write([0x8A, 0x80 | UInt8(length), 0, 0, 0, 0] + payload, to: place)
            default: break
            }
            start = head + length
        }
        return start
    }

    private func text(_ payload: UnsafeRawBufferPointer, _ place: Int, _ each: (Int) -> Void) throws {
        let member = members + place
        guard member.pointee.state.rawValue >= State.missing.rawValue else {
            if payload.position(of: door.welcome) != nil { welcome(place) }
            return
        }
        if !door.beginning.isEmpty {
            guard payload.starts(with: door.beginning) else { return }
            let offset = payload.offset
            guard member.pointee.offset == 0 || offset == member.pointee.offset + 1 else {
                throw BenchmarkFailure("after message \(member.pointee.offset) came \(offset)")
            }
            member.pointee.offset = offset
        }
        member.pointee.count += 1
        if member.pointee.state == .missing { return welcome(place) }
        let number = member.pointee.count - 1
        received += 1
        lastBytes = payload.count
        if number >= arrivals.count { arrivals.append(contentsOf: repeatElement(0, count: 1_024)) }
        arrivals[number] += 1
        if arrivals[number] == readers {
            through += 1
            each(number)
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func starts(with bytes: [UInt8]) -> Bool {
        guard let baseAddress, count >= bytes.count else { return false }
        return memcmp(baseAddress, bytes, bytes.count) == 0
    }

    /// The number before the last brace.
    fileprivate var offset: Int {
        var (index, factor, number) = (count - 2, 1, 0)
        while index >= 0, (0x30...0x39).contains(self[index]) {
            number += Int(self[index] - 0x30) * factor
            factor *= 10
            index -= 1
        }
        return number
    }

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
