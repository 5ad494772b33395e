import CognitionCore
import CognitionDocuments
import CognitionWorkflows
import Testing

/// Runs a machine against a simulated world: rows in a dictionary, a clock that jumps, effects answered by a closure.
///
/// With `crashesAt`, the process "ends" after that many commits: the machine is thrown away and built again from the rows,
/// with the effects that were under way never answered.
struct SimulatedExecution {
    typealias Answer = (_ effect: EffectRequest, _ time: Timestamp) -> Result<JSONValue, WorkflowFault>

    /// What an outside ledger has seen: one line per effect that was answered.
    private(set) var ledger: [String] = []
    private(set) var commits = 0
    private(set) var progressSeen: [Int] = []
    private(set) var table: SimulatedRows
    private var machine: ExecutionMachine
    private var underWay: [EffectRequest] = []
    private var now: Timestamp
    private let definition: WorkflowDefinition

    var rows: [Int: TaskExecution] { table.tasks }
    var events: [ExecutionEvent] { table.events }
    var state: ExecutionState { table.state }

    static let start = Timestamp(microseconds: 1_700_000_000_000_000)

    init(_ yaml: String, input: JSONValue = [:]) throws {
        definition = try WorkflowDefinition(reading: yaml, context: .testing)
        let id = ExecutionID(UUIDv7(high: 7, low: 7))
        now = Self.start
        machine = ExecutionMachine.start(definition, id: id, input: input, now: now)
        let first = machine.takeTransition()
        table = try SimulatedRows(definition, id: id, input: input, first: first)
        act(on: first)
    }

    /// Runs to the end, or until nothing more can happen.
    ///
    /// - Parameter people: Asked when only a person or time can make it go on; they act on the rows, and say whether they did.
    mutating func run(
        crashAt crash: Int? = nil, answer: Answer = { effect, _ in .success(effect.argument) },
        people: (inout SimulatedRows, Timestamp) throws -> Bool = { _, _ in false }
    ) throws {
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
            } else if let key = table.newLetters.first, let message = table.message(key) {
                machine.receive(message, now: now)
            } else if try people(&table, now) {
                continue
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

    /// Sends a message, which is taken at once.
    mutating func send(_ content: ExecutionMessage.Content) {
        table.send(content)
        for message in table.newLetters.compactMap({ table.message($0) }) { machine.receive(message, now: now) }
        commit(machine.takeTransition())
    }

    /// The process ends and another one starts.
    mutating func restart() throws {
        commits += 1  // the new process counts on, so that it is not ended again
        underWay = []
        machine = try ExecutionMachine(restoring: table.stored(), of: definition, now: now)
        commit(machine.takeTransition())
    }

    private mutating func commit(_ transition: Transition) {
        guard !state.status.hasEnded else {
            #expect(transition.tasks.isEmpty && transition.events.isEmpty && transition.effects.isEmpty)
            return
        }
        do { try table.apply(transition) } catch { Issue.record("\(error)") }
        act(on: transition)
    }

    private mutating func act(on transition: Transition) {
        commits += 1
        progressSeen.append(state.progress)
        underWay.removeAll { transition.stopped.contains($0.task) }
        underWay += transition.effects
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
