package import CognitionStorage
import Dispatch
import Synchronization

/// Keeps a driver's thread inside a body until a test opens the gate, so that requests gather behind it.
package final class WriteGate: Sendable {
    private let arrived = Latch()
    private let hasArrived = Mutex(false)
    private let opened = DispatchSemaphore(value: 0)

    package init() { arrived.enter() }

    /// Waits, inside a body, until the gate is open; a repetition of the body finds it open.
    package func pass() {
        if hasArrived.withLock({ hasArrived in
            defer { hasArrived = true }
            return !hasArrived
        }) {
            arrived.leave()
        }
        opened.wait()
        opened.signal()
    }

    /// Returns once a body stands at the gate.
    package func reached() async { await arrived.wait() }

    package func open() { opened.signal() }
}

extension Database {
    /// Starts a write at once, so that writes are requested in the order of these calls.
    package func startWrite<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) -> Task<Value, any Error> {
        Task.immediate { try await self.write(body) }
    }

    /// Holds the writer at a gate while `gather` requests what shall wait behind it, then opens the gate.
    package func holdingWriter(while gather: () async throws -> Void) async throws {
        let gate = WriteGate()
        let held = startWrite { _ in gate.pass() }
        await gate.reached()
        do {
            try await gather()
        } catch {
            gate.open()
            throw error
        }
        gate.open()
        try await held.value
    }
}
