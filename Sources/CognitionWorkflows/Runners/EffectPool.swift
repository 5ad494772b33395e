import CognitionCore
import Synchronization

/// Runs effects, so many at a time; the others wait for their turn as in a ``FairQueue``.
///
/// Effects that only wait for another execution take no place, so that parents cannot keep their children from running.
final class EffectPool: Sendable {
    struct EffectID: Hashable, Sendable {
        let execution: ExecutionID
        /// Which claim of the execution it belongs to.
        let epoch: Int64
        let task: Int
    }

    private struct State {
        var running = 0
        var handles: [EffectID: Task<Void, Never>] = [:]
        var waiting = FairQueue<EffectID, @Sendable () async -> Void>()
        var isClosed = false
    }

    private let runningMax: Int
    private let state = Mutex(State())

    init(runningMax: Int) { self.runningMax = runningMax }

    var load: (running: Int, waiting: Int) { state.withLock { ($0.handles.count, $0.waiting.count) } }

    /// - Parameter priority: Of the effects of the same workspace, those with the highest start first.
    func start(
        _ id: EffectID, of workspace: WorkspaceID, priority: Int, takingPlace: Bool,
        _ work: @escaping @Sendable () async -> Void
    ) {
        state.withLock { state in
            guard !state.isClosed else { return }
            if takingPlace, state.running >= runningMax {
                state.waiting.append(work, as: id, of: workspace, priority: priority)
            } else {
                if takingPlace { state.running += 1 }
                launch(id, takesPlace: takingPlace, work, &state)
            }
        }
    }

    /// Stops an effect at once, whether it runs or waits.
    func stop(_ id: EffectID) {
        let handle = state.withLock { state in
            state.waiting.remove(id)
            return state.handles[id]
        }
        handle?.cancel()
    }

    /// The effects of an execution that were stopped and have not ended yet.
    func stopping(of execution: ExecutionID, epoch: Int64) -> [Task<Void, Never>] {
        state.withLock { state in
            state.handles.filter { $0.key.execution == execution && $0.key.epoch == epoch && $0.value.isCancelled }
                .map(\.value)
        }
    }

    func stopAll(of execution: ExecutionID, epoch: Int64) {
        func belongs(_ id: EffectID) -> Bool { id.execution == execution && id.epoch == epoch }
        let handles = state.withLock { state in
            state.waiting.removeAll(where: belongs)
            return state.handles.filter { belongs($0.key) }.map(\.value)
        }
        for handle in handles { handle.cancel() }
    }

    /// Stops everything, takes nothing new, and returns when all have ended.
    func close() async {
        let handles = state.withLock { state in
            state.isClosed = true
            state.waiting = FairQueue()
            return Array(state.handles.values)
        }
        for handle in handles { handle.cancel() }
        for handle in handles { await handle.value }
    }

    /// The task is unstructured because it has to be cancelled alone, when its execution is cancelled or a deadline passes;
    /// ``close()`` waits for all of them.
    private func launch(
        _ id: EffectID, takesPlace: Bool, _ work: @escaping @Sendable () async -> Void, _ state: inout sending State
    ) {
        state.handles[id] = Task {
            await work()
            self.end(id, takesPlace: takesPlace)
        }
    }

    private func end(_ id: EffectID, takesPlace: Bool) {
        state.withLock { state in
            state.handles[id] = nil
            guard takesPlace else { return }
            state.running -= 1
            guard let next = state.waiting.popFirst() else { return }
            state.running += 1
            launch(next.id, takesPlace: true, next.element, &state)
        }
    }
}
