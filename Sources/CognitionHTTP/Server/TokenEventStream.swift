import CognitionCore
import CognitionEvents
import CognitionWorkflows
import Hummingbird
import ServiceLifecycle
import Synchronization

/// Events of an execution together with the text that its tasks are writing meanwhile.
///
/// What a task has written is sent before the event of its end. Pieces of text have no id, so that a client that comes again
/// says which event it had last; it then gets each text that is still being written from its beginning.
struct TokenEventStream: Sendable {
    let events: EventStream
    let execution: ExecutionID
    let workspace: WorkspaceID
    let tokens: TokenStreams
    let log: EventLog
    /// What has happened up to this position is told before any text.
    let start: Int64
    private static let pageMax = 500

    /// Writes as ``EventStream/write(to:)`` does.
    @concurrent func write(to writer: inout any ResponseBodyWriter) async throws {
        try await writer.write(ByteBuffer(string: EventStream.opening))
        guard let position = try await writeHistory(to: &writer) else { return }
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let watch = tokens.watch(execution, in: workspace) { wake.yield() }
        defer { watch.end() }
        let handover = Handover()
        // All of them end with this call.
        async let _ = handover.read(log.tail(after: position, filter: events.tail.filter)) { wake.yield() }
        async let _ = Self.tick { wake.yield() }
        async let _ = Self.awaitShutdown { wake.yield() }
        var silentSince = ContinuousClock.now
        var lookedAt = silentSince
        for await _ in wakes {
            guard !Task.isShuttingDownGracefully else { return }
            if ContinuousClock.now - lookedAt >= EventStream.look {
                guard try await events.isAllowed() else { return }
                lookedAt = .now
            }
            // In this order: what a task has written is there before its end is in the log.
            let event = try handover.take()
            let updates = watch.take()
            if event == nil, updates.isEmpty {
                guard ContinuousClock.now - silentSince >= EventStream.heartbeat else { continue }
                try await writer.write(ByteBuffer(string: EventStream.signOfLife))
            }
            for update in updates { try await writer.write(ByteBuffer(bytes: Self.bytes(of: update))) }
            if let event {
                try await writer.write(ByteBuffer(bytes: EventStream.bytes(of: event)))
                if events.isLast(event) { return }
            } else if !updates.isEmpty {
                // Tokens that come in the meantime go out together.
                try await Task.sleep(for: TokenStreams.interval)
            }
            silentSince = .now
        }
    }

    /// - Returns: Up to where the log was told; `nil` at the end of the stream.
    @concurrent private func writeHistory(to writer: inout any ResponseBodyWriter) async throws -> Int64? {
        var position = events.tail.position ?? start
        while position < start {
            guard !Task.isShuttingDownGracefully else { return nil }
            let page = try await log.readAll(after: position, limit: Self.pageMax, filter: events.tail.filter)
            for event in page.events {
                try await writer.write(ByteBuffer(bytes: EventStream.bytes(of: event)))
                if events.isLast(event) { return nil }
            }
            position = page.position
        }
        return position
    }

    /// Lets the writer look whether it may go on.
    private static func tick(_ wake: @Sendable () -> Void) async {
        // Its only error is cancellation.
        while (try? await Task.sleep(for: EventStream.look)) != nil { wake() }
    }

    private static func awaitShutdown(_ wake: @Sendable () -> Void) async {
        // Its only error is cancellation.
        try? await gracefulShutdown()
        wake()
    }

    private static func bytes(of update: TokenUpdate) -> [UInt8] {
        let name =
            switch update.change {
            case .text: "token"
            case .reset: "token_reset"
            }
        var bytes = Array("event: \(name)\ndata: ".utf8)
        JSONValue.object(update.json).writeJSON(into: &bytes)
        bytes += [0x0A, 0x0A]
        return bytes
    }
}

/// Hands events of the log over one at a time: the next is read when the one before was taken.
private final class Handover: Sendable {
    private let next = Mutex<Result<Event, any Error>?>(nil)
    private let taken: AsyncStream<Void>
    private let isTaken: AsyncStream<Void>.Continuation

    init() { (taken, isTaken) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

    /// Reads until the task is cancelled or the log fails.
    /// - Parameter wake: Called when there is something to take.
    func read(_ tail: EventTail, wake: @Sendable () -> Void) async {
        do {
            for try await event in tail {
                next.withLock { $0 = .success(event) }
                wake()
                for await _ in taken { break }
                if Task.isCancelled { return }
            }
        } catch {
            next.withLock { $0 = .failure(error) }
            wake()
        }
    }

    /// - Throws: What the log has failed with.
    func take() throws -> Event? {
        let result = next.withLock { next in
            defer { next = nil }
            return next
        }
        guard let result else { return nil }
        isTaken.yield()
        return try result.get()
    }
}
