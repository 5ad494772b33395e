import CognitionCore
import Synchronization

/// Definitions that are in use, compiled; at most ``countMax``, the oldest goes first.
final class DefinitionCache: Sendable {
    static let countMax = 256

    private struct Name: Hashable {
        let workspace: WorkspaceID
        let id: WorkflowID
        let version: String
    }

    private struct State {
        var definitions: [Int64: WorkflowDefinition] = [:]
        var names: [Name: StoredWorkflow] = [:]
        var order: [Int64] = []
    }

    private let state = Mutex(State())

    func find(_ key: Int64) -> WorkflowDefinition? { state.withLock { $0.definitions[key] } }

    func find(_ id: WorkflowID, version: String, in workspace: WorkspaceID) -> (StoredWorkflow, WorkflowDefinition)? {
        state.withLock { state in
            guard let stored = state.names[Name(workspace: workspace, id: id, version: version)],
                let definition = state.definitions[stored.key]
            else { return nil }
            return (stored, definition)
        }
    }

    /// The version is found by its key alone from now on.
    func forgetName(of key: Int64) {
        state.withLock { state in state.names = state.names.filter { $0.value.key != key } }
    }

    func keep(_ definition: WorkflowDefinition, _ stored: StoredWorkflow) {
        keep(definition, key: stored.key, stored)
    }

    func keep(_ definition: WorkflowDefinition, key: Int64, _ stored: StoredWorkflow?) {
        state.withLock { state in
            if state.definitions.updateValue(definition, forKey: key) == nil { state.order.append(key) }
            if let stored {
                state.names[Name(workspace: stored.workspace, id: stored.id, version: stored.version)] = stored
            }
            guard state.order.count > Self.countMax else { return }
            let oldest = state.order.removeFirst()
            state.definitions[oldest] = nil
            state.names = state.names.filter { $0.value.key != oldest }
        }
    }
}
