import Foundation
import Synchronization

/// A thread that owns one connection from its opening to its closing.
enum StorageThread {
    /// Opens a connection on a new thread and runs `work` there; returns once it is open, or throws why it is not.
    /// `latch` is held until the thread has let go of the connection.
    static func start(
        _ name: String,
        until latch: Latch,
        open: @escaping @Sendable () throws -> any StorageConnection,
        work: @escaping @Sendable (any StorageConnection) -> Void
    ) async throws {
        latch.enter()
        try await withCheckedThrowingContinuation { (opened: CheckedContinuation<Void, any Error>) in
            let thread = Thread {
                defer { latch.leave() }
                do {
                    let connection = try open()
                    opened.resume()
                    work(connection)
                    connection.close()
                } catch {
                    opened.resume(throwing: error)
                }
            }
            thread.name = name
            thread.stackSize = 4 << 20
            thread.start()
        }
    }
}
