import CPostgres
import CognitionCore
import CognitionStorage
import Foundation
import Logging
import Synchronization

/// Carries wake-ups between the nodes of a database, on a connection and a thread of its own; between two of them it looks
/// after ``YoungTables``.
///
/// What this node has committed is told to the others by NOTIFY, after the commit and at most every 5 ms, since a NOTIFY
/// holds a lock of the whole server while it commits, though without waiting for the disk. Wake-ups may be lost with the
/// connection; so everybody who waits for one also looks now and then, and is woken when the connection is there again.
final class PostgresListener: Sendable {
    private struct State {
        var topics: Set<SignalTopic> = []
        var isClosing = false
    }

    private let opener: PostgresOpener
    private let logger: Logger
    private let state = Mutex(State())
    private let ended = Latch()
    /// Ends a wait of the thread: reading and writing end.
    private let bell: (read: Int32, write: Int32)

    private static let notifyPause: Duration = .milliseconds(5)
    private static let checkPause: Duration = .seconds(20)

    init(opener: PostgresOpener, logger: Logger) {
        self.opener = opener
        self.logger = logger
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { preconditionFailure("no pipe: \(String(cString: strerror(errno)))") }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        bell = (ends[0], ends[1])
    }

    deinit {
        Foundation.close(bell.read)
        Foundation.close(bell.write)
    }

    func start(_ signals: Signals) {
        ended.enter()
        let thread = Thread { [self] in
            run(signals)
            ended.leave()
        }
        thread.name = "postgres-listener"
        thread.start()
    }

    /// Tells the other nodes, soon.
    func announce(_ topics: Set<SignalTopic>) {
        let isFirst = state.withLock { state in
            defer { state.topics.formUnion(topics) }
            return state.topics.isEmpty
        }
        if isFirst { ring() }
    }

    func close() async {
        state.withLock { $0.isClosing = true }
        ring()
        await ended.wait()
    }

    private func ring() { withUnsafeBytes(of: UInt8(0)) { _ = write(bell.write, $0.baseAddress, 1) } }

    private var isClosing: Bool { state.withLock { $0.isClosing } }

    // MARK: The thread

    private func run(_ signals: Signals) {
        var pause: Duration = .milliseconds(50)
        while !isClosing {
            do {
                let opened = try opener.open(as: .listener)
                defer { PQfinish(opened.connection) }
                guard !opened.isPooled else {
                    logger.notice("Sessions of the database are pooled: what other nodes do is found by looking for it")
                    return
                }
                let channel = try listen(on: opened.connection)
                pause = .milliseconds(50)
                signals.wakeAllHere()
                try serve(opened.connection, channel, signals)
            } catch {
                // The connections that work tell of an outage.
                logger.debug("Listener lost its connection", metadata: ["error": "\(error)"])
                wait(atMost: pause, for: [])
                pause = min(pause * 2, .seconds(5))
            }
        }
    }

    /// - Returns: The channel, which is that of the schema, as several installations may share a database.
    private func listen(on connection: OpaquePointer) throws -> String {
        let schema = try opener.execute("SELECT coalesce(current_schema(), '')", on: connection)
        let channel = String("cognitionos:\(schema)".prefix(60))
        _ = try opener.execute("LISTEN \"\(channel.replacing("\"", with: ""))\"", on: connection)
        return channel.replacing("\"", with: "")
    }

    private func serve(_ connection: OpaquePointer, _ channel: String, _ signals: Signals) throws {
        let clock = ContinuousClock()
        var mayNotifyAt = clock.now
        var checkAt = clock.now + Self.checkPause
        var analyzeAt = clock.now
        while !isClosing {
            let now = clock.now
            let hasTopics = state.withLock { !$0.topics.isEmpty }
            if hasTopics, now >= mayNotifyAt {
                let topics = state.withLock { state in
                    defer { state.topics = [] }
                    return state.topics
                }
                let payload = topics.map(\.name).sorted().joined(separator: " ")
                _ = try opener.execute("SELECT pg_notify($1, $2)", [channel, payload], on: connection)
                mayNotifyAt = clock.now + Self.notifyPause
                checkAt = clock.now + Self.checkPause
            } else if now >= checkAt {
                _ = try opener.execute("SELECT 1", on: connection)
                checkAt = clock.now + Self.checkPause
            } else if now >= analyzeAt {
                do {
                    try YoungTables.analyze(opener, connection)
                } catch let error as StorageError where !error.isOfConnection {
                    // The server's own statistics come all the same.
                    logger.debug("Tables not analysed", metadata: ["error": "\(error)"])
                }
                analyzeAt = clock.now + YoungTables.pause
            }
            deliver(connection, signals)
            wait(
                atMost: (state.withLock { !$0.topics.isEmpty } ? mayNotifyAt : min(checkAt, analyzeAt)) - clock.now,
                for: [PQsocket(connection)])
            guard PQconsumeInput(connection) == 1 else {
                throw StorageError(PostgresFailure(connection: connection))
            }
            deliver(connection, signals)
        }
    }

    private func deliver(_ connection: OpaquePointer, _ signals: Signals) {
        while let notification = PQnotifies(connection) {
            defer { PQfreemem(notification) }
            // Here they were woken at the commit.
            guard notification.pointee.be_pid != PQbackendPID(connection) else { continue }
            let names = String(cString: notification.pointee.extra).split(separator: " ")
            signals.wakeHere(Set(names.map { SignalTopic(name: String($0)) }))
        }
    }

    /// Waits for the bell or one of `sockets`.
    private func wait(atMost limit: Duration, for sockets: [Int32]) {
        var descriptors = ([bell.read] + sockets).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let milliseconds = max(0, min(limit.wholeMilliseconds + 1, 60_000))
        guard poll(&descriptors, nfds_t(descriptors.count), Int32(milliseconds)) > 0 else { return }
        guard descriptors[0].revents != 0 else { return }
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(bell.read, &bytes, bytes.count) > 0 {}
    }
}
