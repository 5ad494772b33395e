import CognitionCore
import CognitionEvents
import CognitionStorage
import Foundation
import Synchronization

/// A thread that owns one connection: opens it when it is needed and again after it was lost, and between two jobs answers
/// the broker's heartbeats.
final class RabbitMQThread: Sendable {
    private typealias Job = @Sendable (Seat?) -> Void

    private struct State {
        var jobs: [Job] = []
        var connection: BusConnection = .unused
        /// That of the open connection, else -1.
        var descriptor: Int32 = -1
        /// Whoever waits for the job that runs has gone away.
        var isInterrupted = false
        var isBusy = false
        var hasStarted = false
        var isClosing = false
    }

    /// Where the connection is, confined to the thread.
    private final class Seat {
        var connection: RabbitMQConnection?
        /// Connections that were opened so far.
        var sessions: UInt64 = 0
    }

    private let name: String
    private let options: RabbitMQOptions
    /// What a new connection is told before it is used: the topology, which the broker may have lost.
    private let prepare: @Sendable (RabbitMQConnection) throws -> Void
    private let state = Mutex(State())
    private let ended = Latch()
    /// Ends a wait of the thread: reading and writing end.
    private let bell: (read: Int32, write: Int32)

    init(
        _ name: String, _ options: RabbitMQOptions, prepare: @escaping @Sendable (RabbitMQConnection) throws -> Void
    ) {
        self.name = name
        self.options = options
        self.prepare = prepare
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

    /// How the connection was when it was last used or looked at.
    var connection: BusConnection { state.withLock(\.connection) }

    /// Runs `body` with an open connection, after the jobs that came before. An error of the broker ends the connection.
    ///
    /// - Throws: What `body` throws, `bus.unavailable`, `bus.refused`; `CancellationError` when the task was cancelled, which
    ///   ends the connection too, as nobody knows how far `body` has come.
    func run<Value: Sendable>(_ body: @escaping @Sendable (RabbitMQConnection) throws -> Value) async throws -> Value {
        try Task.checkCancellation()
        do {
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    add { [self] seat in
                        let result = Result { try use(seat, body) }
                        state.withLock { $0.isBusy = false }
                        continuation.resume(with: result)
                    }
                    // Before it was added there was nothing to interrupt.
                    if Task.isCancelled { interrupt() }
                }
            } onCancel: {
                interrupt()
            }
        } catch {
            try Task.checkCancellation()
            throw error
        }
    }

    /// Lets go of the connection, if there is one; the next job opens another.
    ///
    /// - Parameter forgetting: Also why there is none, as nobody needs one now.
    func disconnect(forgetting: Bool = false) async {
        await withCheckedContinuation { continuation in
            add { [self] seat in
                if let seat, forgetting || seat.connection != nil { drop(seat, .unused) }
                continuation.resume()
            }
        }
    }

    /// How long the broker takes for an answer.
    /// - Returns: `nil` where there is no connection, or it has something else to do.
    func latency(_ question: @escaping @Sendable (RabbitMQConnection) throws -> Void) async throws -> Duration? {
        guard state.withLock({ $0.connection == .open && !$0.isBusy && $0.jobs.isEmpty }) else { return nil }
        return try await run { connection in
            let start = ContinuousClock.now
            try question(connection)
            return ContinuousClock.now - start
        }
    }

    /// Ends the connection in good order, and the thread.
    func close() async {
        state.withLock { $0.isClosing = true }
        ring()
        await ended.wait()
    }

    private func add(_ job: @escaping Job) {
        enum Next { case start, ring, refuse }
        let next = state.withLock { state -> Next in
            guard !state.isClosing else { return .refuse }
            state.isInterrupted = false
            state.jobs.append(job)
            defer { state.hasStarted = true }
            if !state.hasStarted { ended.enter() }
            return state.hasStarted ? .ring : .start
        }
        switch next {
        case .start: start()
        case .ring: ring()
        case .refuse: job(nil)
        }
    }

    private func start() {
        let thread = Thread { [self] in
            serve(Seat())
            ended.leave()
        }
        thread.name = name
        thread.start()
    }

    private func interrupt() {
        state.withLock { state in
            state.isInterrupted = true
            // Ends whatever the thread waits for there; the thread itself closes it.
            if state.descriptor >= 0 { shutdown(state.descriptor, Int32(SHUT_RDWR)) }
        }
    }

    private func ring() { withUnsafeBytes(of: UInt8(0)) { _ = write(bell.write, $0.baseAddress, 1) } }

    // MARK: The thread

    private func serve(_ seat: Seat) {
        while true {
            let (job, isClosing) = state.withLock { state -> (Job?, Bool) in
                state.isBusy = !state.jobs.isEmpty
                return (state.isBusy ? state.jobs.removeFirst() : nil, state.isClosing)
            }
            if let job {
                job(isClosing ? nil : seat)
            } else if isClosing {
                break
            } else {
                idle(seat)
            }
        }
        seat.connection?.close()
        drop(seat, .unused)
    }

    private func idle(_ seat: Seat) {
        wait(for: seat.connection.map(\.descriptor), atMost: options.heartbeat / 2)
        guard let connection = seat.connection else { return }
        do {
            try connection.pump()
            note(connection)
        } catch {
            drop(seat, .down(EventBusFailure(error)))
        }
    }

    private func use<Value>(_ seat: Seat?, _ body: (RabbitMQConnection) throws -> Value) throws -> Value {
        guard let seat else { throw EventError(.busUnavailable, "the connection to RabbitMQ is closed") }
        do {
            let connection = try seat.connection ?? open(seat)
            // It may have been cancelled while the connection was being opened.
            try state.withLock { if $0.isInterrupted { throw CancellationError() } }
            defer { note(connection) }
            return try body(connection)
        } catch let error as EventError {
            // Whoever was interrupted has ended the connection itself.
            drop(seat, state.withLock(\.isInterrupted) ? .unused : .down(EventBusFailure(error)))
            throw error
        } catch {
            drop(seat, .unused)
            throw error
        }
    }

    private func open(_ seat: Seat) throws -> RabbitMQConnection {
        seat.sessions += 1
        let connection = try RabbitMQConnection(options, session: seat.sessions) { descriptor in
            state.withLock { state in
                state.descriptor = descriptor
                if state.isInterrupted, descriptor >= 0 { shutdown(descriptor, Int32(SHUT_RDWR)) }
            }
        }
        connection.whenBlocked = { [self] isBlocked in
            state.withLock { $0.connection = isBlocked ? .blocked : .open }
        }
        seat.connection = connection
        try prepare(connection)
        return connection
    }

    private func note(_ connection: RabbitMQConnection) {
        state.withLock { $0.connection = connection.isBlocked ? .blocked : .open }
    }

    private func drop(_ seat: Seat, _ what: BusConnection) {
        state.withLock { state in
            state.descriptor = -1
            state.connection = what
        }
        seat.connection = nil
    }

    /// Waits for the bell or for input.
    private func wait(for descriptor: Int32?, atMost limit: Duration) {
        var descriptors = [bell.read, descriptor ?? -1].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let milliseconds = limit.components.seconds * 1_000
        guard poll(&descriptors, nfds_t(descriptors.count), Int32(milliseconds)) > 0 else { return }
        guard descriptors[0].revents != 0 else { return }
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(bell.read, &bytes, bytes.count) > 0 {}
    }
}
