import CognitionCore
import CognitionDocuments
import CognitionWorkflows

/// Runs a machine against a simulated world: rows in a dictionary, a clock that jumps, effects answered by a closure.
///
/// With `crashesAt`, the process "ends" after that many commits: the machine is thrown away and built again from the rows,
/// with the effects that were under way never answered.
struct SimulatedExecution {
    typealias Answer = (_ effect: EffectRequest, _ time: Timestamp) -> Result<JSONValue, WorkflowFault>

    /// What an outside ledger has seen: one line per effect that was answered.
    private(set) var ledger: [String] = []
    private(set) var commits = 0
    private(set) var rows: [Int: TaskExecution] = [:]
    private(set) var events: [ExecutionEvent] = []
    private(set) var progressSeen: [Int] = []
    private(set) var state: ExecutionState
    private var machine: ExecutionMachine
    private var underWay: [EffectRequest] = []
    private var now: Timestamp
    private let definition: WorkflowDefinition
    private let id: ExecutionID
    private let input: JSONValue

    static let start = Timestamp(microseconds: 1_700_000_000_000_000)

    init(_ yaml: String, input: JSONValue = [:]) throws {
        definition = try WorkflowDefinition(reading: yaml, context: .testing)
        id = ExecutionID(UUIDv7(high: 7, low: 7))
        self.input = input
        now = Self.start
        machine = ExecutionMachine.start(definition, id: id, input: input, now: now)
        let first = machine.takeTransition()
        state = first.execution
        commit(first)
    }

    /// Runs to the end, or until nothing more can happen.
    mutating func run(crashAt crash: Int? = nil, answer: Answer = { effect, _ in .success(effect.argument) }) throws {
        var steps = 0
        while !state.status.hasEnded, steps < 100_000 {
            steps += 1
            if let crash, commits == crash { try restart() }
            if machine.hasMore {
                machine.advance(now: now)
            } else if let effect = underWay.first {
                underWay.removeFirst()
                ledger.append("\(effect.reference) \(effect.argument.jsonText)")
                machine.finish(task: effect.task, attempt: effect.attempt, with: answer(effect, now), now: now)
            } else if let wakeAt = state.wakeAt {
                now = max(now, wakeAt)
                machine.passTime(now: now)
            } else {
                return
            }
            commit(machine.takeTransition())
        }
    }

    /// Answers the effect that was asked for first.
    mutating func answerNext() {
        let effect = underWay.removeFirst()
        machine.finish(task: effect.task, attempt: effect.attempt, with: .success(effect.argument), now: now)
        commit(machine.takeTransition())
    }

    mutating func cancel() {
        machine.cancel(now: now)
        commit(machine.takeTransition())
    }

    /// The process ends and another one starts.
    mutating func restart() throws {
        commits += 1  // the new process counts on, so that it is not ended again
        underWay = []
        machine = try ExecutionMachine(restoring: stored, of: definition, now: now)
        commit(machine.takeTransition())
    }

    private mutating func commit(_ transition: Transition) {
        commits += 1
        for (number, row) in transition.tasks {
            var row = row
            row.input = row.input ?? rows[number]?.input
            row.items = row.items ?? rows[number]?.items
            rows[number] = row
        }
        events += transition.events
        state = transition.execution
        progressSeen.append(state.progress)
        underWay.removeAll { transition.stopped.contains($0.task) }
        underWay += transition.effects
    }

    /// What the tables would give.
    private var stored: StoredExecution {
        let live = rows.values.filter { $0.endedAt == nil }.sorted { $0.number < $1.number }
        var outputs: [Int: JSONValue] = [:]
        for case .task(let number) in live.map(\.source) { outputs[number] = rows[number]?.output }
        var lists: [StoredExecution.EndedList] = []
        for parent in live {
            let children = rows.values.filter { $0.parent == parent.number }
            for scope in Set(children.map(\.scope)) {
                guard let last = children.filter({ $0.scope == scope }).max(by: { $0.number < $1.number }),
                    last.endedAt != nil
                else { continue }
                lists.append(
                    .init(parent: parent.number, scope: scope, status: last.status, output: last.output ?? .null))
            }
        }
        var stored = StoredExecution(id: id, input: input, state: state, live: live, outputs: outputs, lists: lists)
        stored.state.ending = PendingEnd(json: state.ending?.json)
        stored.compensations = compensations
        return stored
    }

    /// What the rows say is to be undone, and has not been.
    private var compensations: [Compensation] {
        var list = CompensationList()
        for row in rows.values.sorted(by: { $0.number < $1.number }) where row.endedAt != nil {
            let mark = Compensation(
                task: row.number, name: row.name, reference: row.reference, mark: row.progress)
            if let mark { list.add(mark) }
        }
        let undone = rows.values.filter { $0.parent == 0 && $0.scope > 0 && $0.endedAt != nil }.map(\.scope).min()
        return list.all.filter { $0.task < undone ?? .max }.map { entry in
            var entry = entry
            entry.input = input(of: entry.task)
            if entry.outcome == .completed { entry.output = rows[entry.task]?.output ?? .null }
            return entry
        }
    }

    private func input(of number: Int) -> JSONValue? {
        guard let row = rows[number] else { return nil }
        if let input = row.input { return input }
        return switch row.source {
        case .parent: input(of: row.parent)
        case .task(let other): rows[other]?.output
        case .own: row.ownInput
        }
    }
}

extension EffectRequest {
    /// What a test function is called with.
    var argument: JSONValue {
        switch action {
        case .function(_, let arguments): arguments
        case .http(let request): .string("\(request.method) \(request.url)")
        case .process, .mcp: .string(name)
        case .openapi(let request): .string(request.operationID)
        case .withSecrets(let action): .array(action.names.map(JSONValue.string))
        case .workflow(let id, _, let input, _, _): [.string(id.description), input]
        }
    }
}

extension DefinitionContext {
    /// `echo` gives its arguments back; `once` is an effect that must not be repeated.
    static let testing = DefinitionContext(functions: [
        "echo": FunctionSignature(effect: .idempotent), "once": FunctionSignature(effect: .once),
    ])
}

/// A document with the given tasks.
func workflow(_ tasks: String, extra: String = "") -> String {
    """
    document: {dsl: 1.0.3, namespace: test, name: flow, version: 0.1.0}
    \(extra)
    do:
    \(tasks.split(separator: "\n", omittingEmptySubsequences: false).map { "  " + $0 }.joined(separator: "\n"))
    """
}
