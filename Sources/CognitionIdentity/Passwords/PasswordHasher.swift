package import CognitionCore
import CognitionStorage
import Foundation
package import Metrics

/// Hashes passwords, on threads of its own.
///
/// One hash takes a core for a good part of a second, on purpose. So that a flood of logins harms nobody else, at most
/// `cores - 1` are made at a time, at a low priority, never on the threads that serve requests; at most ``waitingMax``
/// wait, and one more is refused.
package final class PasswordHasher: Sendable {
    package static let waitingMax = 64

    package let cost: Int
    private let pool: HashPool
    private let metrics: IdentityMetrics

    /// - Parameter threads: `nil` for one less than there are cores, but at least one.
    package convenience init(cost: Int, threads: Int? = nil, metricsFactory: any MetricsFactory) {
        self.init(cost: cost, threads: threads, metrics: IdentityMetrics(factory: metricsFactory))
    }

    init(cost: Int, threads: Int? = nil, metrics: IdentityMetrics) {
        self.cost = cost
        self.metrics = metrics
        pool = HashPool(waitingMax: Self.waitingMax, metrics: metrics)
        pool.start(threads: threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount - 1))
    }

    deinit { pool.close() }

    /// A hash of ``cost`` with a salt of its own.
    /// - Throws: `identity.busy`; `CancellationError` when the caller goes away while it waits.
    package func hash(_ password: Secret) async throws -> String {
        let cost = cost
        return try await run { try $0.hash(password, setting: Bcrypt.newSetting(cost: cost)) }
    }

    /// Whether `hash` was made of `password`.
    /// - Throws: As ``hash(_:)``.
    package func verify(_ password: Secret, against hash: String) async throws -> Bool {
        // Compared as secrets are, in a time that does not tell where they differ.
        try await run { Secret(try $0.hash(password, setting: hash)) == Secret(hash) }
    }

    /// Takes as long as ``verify(_:against:)`` for nothing, so that nobody can tell by the time whether a user exists.
    /// - Throws: As ``hash(_:)``.
    package func verifyNothing(_ password: Secret) async throws {
        let setting = Bcrypt.emptySetting(cost: cost)
        _ = try await run { try $0.hash(password, setting: setting) }
    }

    private func run<Value: Sendable>(
        _ work: @escaping @Sendable (CryptMemory) throws -> Value
    ) async throws -> Value {
        let metrics = metrics
        let cancellation = Cancellation()
        let id = pool.nextID()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                pool.add(
                    HashPool.Job(
                        id: id, cancellation: cancellation,
                        run: { memory in
                            let start = ContinuousClock.now
                            let result = Result { try work(memory) }
                            metrics.recordPassword(took: ContinuousClock.now - start)
                            continuation.resume(with: result)
                        }, refuse: { continuation.resume(throwing: $0) }))
            }
        } onCancel: {
            cancellation.cancel()
            pool.remove(id)
        }
    }
}
