/// Archives again and again, until the task is cancelled.
package enum ArchiveRounds {
    /// - Parameter failed: Told of what a round has thrown, after which the next is waited for.
    /// - Throws: What the database throws when it is closed.
    package static func run(
        every interval: Duration, on clock: any Clock<Duration>, round: () async throws -> Void,
        failed: (any Error) -> Void
    ) async throws {
        while !Task.isCancelled {
            do {
                try await round()
            } catch is CancellationError {
                return
            } catch let error as StorageError where error.code == .storageClosed {
                throw error
            } catch {
                failed(error)
            }
            // Its only error is cancellation, which the loop looks at.
            try? await clock.sleep(for: interval)
        }
    }
}
