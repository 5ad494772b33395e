import CognitionCore
import CognitionWorkflows
import Synchronization

/// Tells what tasks of this process are writing while something else is followed.
enum TokenFollower {
    /// Runs `body`, which tells what has come so far before each thing of its own.
    static func follow(
        _ id: ExecutionID, in workspace: WorkspaceID, of streams: TokenStreams,
        _ tell: @escaping @Sendable (TokenUpdate) -> Void,
        while body: (_ showTokens: @escaping @Sendable () -> Void) async throws -> Void
    ) async throws {
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let watch = streams.watch(id, in: workspace) { wake.yield() }
        defer { watch.end() }
        let turn = Turn()
        let show: @Sendable () -> Void = { turn.take { for update in watch.take() { tell(update) } } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in wakes {
                    show()
                    try await Task.sleep(for: TokenStreams.interval)
                }
            }
            defer { group.cancelAll() }
            try await body(show)
        }
    }

    /// What was taken first is told first.
    private final class Turn: Sendable {
        private let lock = Mutex(())

        func take(_ body: () -> Void) { lock.withLock { _ in body() } }
    }
}
