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
        case finished(task: Int, attempt: Int, EffectResult)
        /// An effect was cut off, and has cost something or left something to write.
        case spent(EffectResult.Spending)
        case timePassed
        /// - Parameter setBack: By how much in all; see ``ClockReading``.
        case clockWentBack(setBack: Duration)
        case cancel(by: String?)
        case mail([ExecutionMessage])
        /// Nothing outside has happened: the first transition, or the rest of a long one.
        case advance

        /// What stays of it when its execution is lost: the money is spent, whoever goes on.
        fileprivate var spending: Input? {
            switch self {
            case .finished(_, _, let result): result.spending.isNothing ? nil : .spent(result.spending)
            case .spent: self
            case .timePassed, .clockWentBack, .cancel, .mail, .advance: nil
            }
        }
    }

    /// A transition to commit, and the writes of tasks that commit with it.
    struct Step: Sendable {
        /// `nil` where nothing but money was spent: after the end or loss of the execution, or by calls that were cut off.
        var transition: Transition?
        var writes: [TaskWrite] = []
        var cost = Money.zero(Execution.currency)
        /// When all of it happened: later than everything that happened in the execution before.
        var time: Timestamp

        mutating func add(_ spending: EffectResult.Spending) {
            if let write = spending.writes { writes.append(write) }
            if let more = spending.cost {
                cost = cost.adding(more) ?? Money(micros: .max, currency: Execution.currency)
            }
        }
    }

    private struct State {
        var machine: ExecutionMachine
        var inbox: [Input] = []
        var isDriven = false
        /// A transition that ends the execution was handed out.
        var hasEnded = false
        var isLost = false
        var lastTime: Timestamp
        /// How far the clock was set back when what is waited for was worked out.
        var setBack: Duration

        /// What the clock says now, and by how much what is waited for has to be moved: by the steps that the reading or the inbox
        /// knows of and this does not. A reading from before a step is moved as well.
        mutating func takeClock(_ reading: ClockReading) -> (clock: Timestamp, step: Duration) {
            var known = reading.setBack
            for case .clockWentBack(let told) in inbox { known = max(known, told) }
            let step = max(.zero, known - setBack)
            setBack += step
            return (reading.now - (setBack - reading.setBack), step)
        }

        /// Two transitions are never of the same moment, so that a moment tells how far the execution was.
        mutating func takeTime(_ now: Timestamp) -> Timestamp {
            lastTime = max(now, lastTime + .microseconds(1))
            return lastTime
        }
    }

    let key: Int64
    let id: ExecutionID
    let workspace: WorkspaceID
    let epoch: Int64
    let origin: ExecutionOrigin
    let priority: Int
    /// `nil` where nothing is traced.
    let trace: ExecutionTrace?
    private let state: Mutex<State>

    init(
        key: Int64, workspace: WorkspaceID, epoch: Int64, origin: ExecutionOrigin, priority: Int,
        machine: ExecutionMachine, clock: ClockReading
    ) {
        self.priority = priority
        self.origin = origin
        self.key = key
        self.id = machine.id
        self.workspace = workspace
        self.epoch = epoch
        trace = ExecutionTrace(origin.traceparent, of: machine.id, machine.definition.id)
        self.state = Mutex(State(machine: machine, lastTime: machine.lastTime, setBack: clock.setBack))
    }

    /// Whether what is waited for goes by a clock that was set back so far.
    func goesBy(setBack: Duration) -> Bool { state.withLock { $0.setBack >= setBack } }

    /// Leaves an input; when it answers true the caller drives.
    func deliver(_ input: Input) -> Bool {
        state.withLock { state in
            guard let input = state.isLost ? input.spending : input else { return false }
            state.inbox.append(input)
            defer { state.isDriven = true }
            return !state.isDriven
        }
    }

    /// The next thing to commit; `nil` ends the drive.
    ///
    /// - Parameter reading: What the clock says, read after the call before.
    func nextStep(at reading: ClockReading) -> Step? {
        state.withLock { state in
            guard !state.inbox.isEmpty else {
                state.isDriven = false
                return nil
            }
            let (clock, setBack) = state.takeClock(reading)
            let now = state.takeTime(clock)
            state.machine.ahead = now - clock >= ClockWatch.stepMin ? now - clock : .zero
            var step = Step(time: now)
            var costs: [Int: Int64] = [:]
            var isChanged = setBack > .zero
            // What comes after it goes by the clock as it is now.
            if setBack > .zero { state.machine.clockWentBack(by: setBack, now: now) }
            for input in state.inbox {
                switch input {
                case .finished(let task, let attempt, let result):
                    step.add(result.spending)
                    costs[task] = result.spending.cost?.micros
                    state.machine.finish(task: task, attempt: attempt, with: result.output, now: now)
                case .spent(let spending):
                    step.add(spending)
                    continue
                case .timePassed: state.machine.passTime(now: now)
                case .clockWentBack: continue
                case .mail(let messages):
                    for message in messages { state.machine.receive(message, now: now) }
                case .cancel(let actor): state.machine.cancel(by: actor, now: now)
                case .advance: state.machine.advance(now: now)
                }
                isChanged = true
            }
            state.inbox.removeAll(keepingCapacity: true)
            guard isChanged, !state.hasEnded else { return step }
            var transition = state.machine.takeTransition()
            for (task, cost) in costs where cost > 0 { transition.tasks[task]?.cost = cost }
            if transition.hasMore { state.inbox.append(.advance) }
            state.hasEnded = state.machine.hasEnded
            step.transition = transition
            return step
        }
    }

    /// Whether it was let go of.
    var isLost: Bool { state.withLock { $0.isLost } }

    /// Forgets everything but what was spent: the rows are the truth, and whoever goes on starts from them. Whoever
    /// drives goes on until nothing spent is left.
    func lose() {
        state.withLock { state in
            state.isLost = true
            state.inbox = state.inbox.compactMap(\.spending)
        }
    }
}
