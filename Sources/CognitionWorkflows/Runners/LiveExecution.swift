import CognitionCore
import CognitionStorage
import Synchronization

/// An execution that this node owns, in memory: its machine, and what happened while a commit was under way.
///
/// What happens is delivered from any thread. One deliverer at a time drives: it takes everything that has come in, lets
/// the machine work it out, commits, and goes on until nothing is left. So results of parallel tasks share a commit, and
/// commits of one execution follow each other.
final class LiveExecution: Sendable {
    enum Input: Sendable {
        case finished(task: Int, attempt: Int, Result<TaskOutcome, WorkflowFault>)
        case timePassed
        case cancel
        /// Nothing outside has happened: the first transition, or the rest of a long one.
        case advance
    }

    /// A transition to commit, and the writes of tasks that commit with it.
    struct Step: Sendable {
        var transition: Transition
        var writes: [@Sendable (borrowing Transaction) throws -> Void]
    }

    private struct State {
        var machine: ExecutionMachine
        var inbox: [Input] = []
        var isDriven = false
        var isLost = false
    }

    let key: Int64
    let id: ExecutionID
    let workspace: WorkspaceID
    let epoch: Int64
    /// Highest number of a task that has a row.
    private let state: Mutex<State>

    init(key: Int64, workspace: WorkspaceID, epoch: Int64, machine: ExecutionMachine) {
        self.key = key
        self.id = machine.id
        self.workspace = workspace
        self.epoch = epoch
        self.state = Mutex(State(machine: machine))
    }

    /// Leaves an input; when it answers true the caller drives.
    func deliver(_ input: Input) -> Bool {
        state.withLock { state in
            guard !state.isLost else { return false }
            state.inbox.append(input)
            defer { state.isDriven = true }
            return !state.isDriven
        }
    }

    /// The next thing to commit; `nil` ends the drive.
    func nextStep(now: Timestamp) -> Step? {
        state.withLock { state in
            guard !state.isLost, !state.inbox.isEmpty else {
                state.isDriven = false
                return nil
            }
            var writes: [@Sendable (borrowing Transaction) throws -> Void] = []
            for input in state.inbox {
                switch input {
                case .finished(let task, let attempt, let result):
                    if case .success(let outcome) = result, let write = outcome.writes { writes.append(write) }
                    state.machine.finish(task: task, attempt: attempt, with: result.map(\.output), now: now)
                case .timePassed: state.machine.passTime(now: now)
                case .cancel: state.machine.cancel(now: now)
                case .advance: state.machine.advance(now: now)
                }
            }
            state.inbox.removeAll(keepingCapacity: true)
            let transition = state.machine.takeTransition()
            if transition.hasMore { state.inbox.append(.advance) }
            return Step(transition: transition, writes: writes)
        }
    }

    /// Forgets everything: the rows are the truth, and whoever goes on starts from them.
    func lose() {
        state.withLock { state in
            state.isLost = true
            state.inbox = []
        }
    }
}
