import CognitionCore
import CognitionWorkflows

/// One execution in a world that one seed decides: a clock that jumps, commits that fail or whose answers are lost, a
/// process that ends at any moment, peers that fail or never answer, people who come and go.
///
/// It acts as the engine does: what the machine decides is committed before it is acted on, and after a failed commit or
/// a crash the machine is built again from the rows. At last everything turns out well, and the execution must end.
struct SimulatedWorld {
    static let calmStepsMax = 3_000
    static let retriesMax = 2
    let seed: UInt64
    let definition: WorkflowDefinition
    private let id: ExecutionID
    private(set) var rows: SimulatedRows
    private(set) var peers = SimulatedPeers()
    /// What has happened, for a person; kept when `isTold`.
    private(set) var story: [String] = []
    private let isTold: Bool
    private var machine: ExecutionMachine?
    private var random: SplitMix64
    private var now = Timestamp(microseconds: 1_700_000_000_000_000)
    private var isCancelled = false
    private var isCalm = false
    private(set) var retries = 0
    private var commits = 0

    init(seed: UInt64, _ definition: WorkflowDefinition, isTold: Bool = false) throws {
        self.seed = seed
        self.definition = definition
        self.isTold = isTold
        random = SplitMix64(seed: seed &* 0x9E37_79B9 &+ 1)
        id = ExecutionID(UUIDv7(high: 7, low: seed))
        var machine = ExecutionMachine.start(definition, id: id, input: ["seed": 1], now: now)
        let first = machine.takeTransition()
        rows = try SimulatedRows(definition, id: id, input: ["seed": 1], first: first)
        self.machine = machine
        try act(on: first)
    }

    /// Runs to the end, also again where it has failed.
    mutating func run(retryingAt desk: RetryDesk) async throws {
        try runToEnd()
        while try await isTriedAgain(at: desk) { try runToEnd() }
        try checkNothingFollows()
        try check()
    }

    private mutating func runToEnd() throws {
        isCalm = false
        let troubles = Int.random(in: 5...(retries == 0 ? 60 : 20), using: &random)
        for _ in 0..<troubles where !rows.state.status.hasEnded { try troubledStep() }
        isCalm = true
        tell("calm")
        for _ in 0..<Self.calmStepsMax where !rows.state.status.hasEnded { try calmStep() }
        guard rows.state.status.hasEnded else { throw Violation("it does not end, although everybody answers") }
    }

    private mutating func isTriedAgain(at desk: RetryDesk) async throws -> Bool {
        guard rows.state.status == .faulted, rows.state.reason == nil, retries < Self.retriesMax, chance(50) else {
            return false
        }
        now = now + .seconds(1)
        guard let (transition, pending) = try await desk.retry(rows, of: definition, now: now) else { return false }
        try rows.reopen(transition, pending: pending)
        tell("tried again: \(transition.told)")
        retries += 1
        isCancelled = false
        machine = nil
        for number in pending { peers.allowAgain(number) }
        return true
    }

    private mutating func tell(_ line: @autoclosure () -> String) {
        if isTold { story.append(line()) }
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    // MARK: Steps

    private mutating func troubledStep() throws {
        now = now + .microseconds(Int64.random(in: 1...2_000_000, using: &random))
        if chance(3) { return lose("the process ends") }
        if chance(20) { try somebodyActs() }
        guard machine != nil else { return try takeOver() }
        var isChanged = false
        for _ in 0..<Int.random(in: 1...3, using: &random) { isChanged = somethingHappens() || isChanged }
        if isChanged { try commit() }
    }

    /// One input of the machine; several may share a commit.
    private mutating func somethingHappens() -> Bool {
        switch Int.random(in: 0..<10, using: &random) {
        case 0...1 where machine?.hasMore == true:
            machine?.advance(now: now)
        case 0...5 where !peers.running.isEmpty:
            return answer()
        case 6...7 where !rows.newLetters.isEmpty:
            takeMail()
        case 8 where isCancelled:
            tell("cancel")
            machine?.cancel(by: "user:ann", now: now)
        case 9:
            if chance(50), let wakeAt = rows.state.wakeAt { now = max(now, wakeAt) }
            tell("time")
            machine?.passTime(now: now)
        default:
            guard machine?.hasMore == true else { return false }
            machine?.advance(now: now)
        }
        return true
    }

    private mutating func answer() -> Bool {
        let index = Int.random(in: 0..<peers.running.count, using: &random)
        guard let (effect, result) = peers.answer(at: index, isCalm: isCalm, using: &random) else { return false }
        tell("answer of task \(effect.task): \(result)")
        machine?.finish(task: effect.task, attempt: effect.attempt, with: result, now: now)
        return true
    }

    private mutating func takeMail() {
        for key in rows.newLetters {
            guard let message = rows.message(key) else { continue }
            tell("message \(key)")
            machine?.receive(message, now: now)
        }
    }

    private mutating func calmStep() throws {
        now = now + .microseconds(1)
        guard machine != nil else { return try takeOver() }
        if machine?.hasMore == true {
            machine?.advance(now: now)
        } else if !rows.newLetters.isEmpty {
            takeMail()
        } else if isCancelled, rows.state.ending == nil {
            machine?.cancel(by: "user:ann", now: now)
        } else if !peers.running.isEmpty {
            guard answer() else { return }
        } else if rows.state.status == .suspended {
            return rows.send(.resume(by: "user:ann"))
        } else if let wakeAt = rows.state.wakeAt, chance(50) {
            now = max(now, wakeAt)
            tell("time")
            machine?.passTime(now: now)
        } else {
            guard try everybodyAnswers() || rows.state.wakeAt != nil else { throw Violation("nothing can happen") }
            return
        }
        try commit()
    }

    // MARK: People

    private mutating func somebodyActs() throws {
        switch Int.random(in: 0..<20, using: &random) {
        case 0: isCancelled = true
        case 1...3: rows.send(.suspend(by: "user:ann"))
        case 4...7: rows.send(.resume(by: "user:ann"))
        case 8...12: try sendSignal(RandomWorkflow.signals[Int.random(in: 0...1, using: &random)])
        case 13...14:
            guard let task = rows.listeners.sorted().randomElement(using: &random) else { return }
            rows.send(.event(try event(RandomWorkflow.signals[Int.random(in: 0...1, using: &random)]), task: task))
        case 15...17: _ = reconcile()
        default: _ = decide()
        }
    }

    private mutating func everybodyAnswers() throws -> Bool {
        var isAnybody = reconcile()
        isAnybody = decide() || isAnybody
        if !rows.listeners.isEmpty {
            for type in RandomWorkflow.signals {
                try sendSignal(type)
                // Of two that listen for the same, one would get every signal.
                for task in rows.listeners.sorted() { rows.send(.event(try event(type), task: task)) }
            }
            isAnybody = true
        }
        return isAnybody
    }

    private func event(_ type: String) throws -> CloudEvent {
        try CloudEvent(
            ["source": "test://somebody", "type": .string(type), "data": ["at": .integer(now.microseconds)]],
            id: "e", now: now)
    }

    private mutating func sendSignal(_ type: String) throws {
        tell("signal \(type)")
        rows.send(.event(try event(type), task: nil))
    }

    private mutating func decide() -> Bool {
        guard let task = rows.questions.filter(\.value.isOpen).keys.sorted().randomElement(using: &random) else {
            return false
        }
        tell("answer to the question of task \(task)")
        rows.answer(task, choice: chance(50) ? "approve" : "reject", at: now)
        return true
    }

    /// Somebody looks up what became of an effect that nobody knows of, and says so.
    private mutating func reconcile() -> Bool {
        let parked = rows.tasks.values.filter { $0.endedAt == nil && $0.reason == .needsReconcile }.map(\.number)
        guard let task = parked.sorted().randomElement(using: &random) else { return false }
        let given = peers.happened["task \(task)"]
        let isAgain = given == nil && chance(60)
        tell("reconciliation of task \(task): \(given?.jsonText ?? (isAgain ? "again" : "failed"))")
        rows.send(
            .reconciliation(
                .init(
                    task: task, outcome: given.map { .done($0) } ?? (isAgain ? .retry : .failed("it did not happen")),
                    by: "user:ann")))
        return true
    }

    // MARK: Process

    private mutating func takeOver() throws {
        tell("taken over")
        guard rows.state.status != .pending else { throw Violation("it has failed before its first task") }
        var machine = try ExecutionMachine(restoring: rows.stored(), of: definition, now: now)
        machine.passTime(now: now)
        if isCancelled { machine.cancel(by: "user:ann", now: now) }
        self.machine = machine
        try commit()
    }

    private mutating func lose(_ reason: String) {
        tell(reason)
        peers.stop(using: &random)
        machine = nil
    }

    private mutating func commit() throws {
        guard let transition = machine?.takeTransition() else { return }
        let die = isCalm ? 100 : Int.random(in: 0..<100, using: &random)
        guard die >= 4 else { return lose("a commit fails") }
        do { try rows.apply(transition) } catch is Outdated { return lose("a commit is refused") }
        commits += 1
        let number = commits
        tell("commit \(number): \(transition.told)")
        guard die >= 8 else {
            for effect in transition.effects { peers.note(effect) }
            allow(transition)
            return lose("a commit's answer is lost")
        }
        try act(on: transition)
    }

    private mutating func act(on transition: Transition) throws {
        let stopped = Set(transition.stopped)
        peers.stop(using: &random) { stopped.contains($0.task) }
        allow(transition)
        guard !transition.execution.status.hasEnded else { return peers.stop(using: &random) }
        for effect in transition.effects {
            peers.note(effect)
            try peers.begin(effect, row: rows.tasks[effect.task])
        }
        let isIdle = transition.effects.isEmpty && !transition.isBusy && !transition.hasMore
        if isIdle, !isCalm, chance(30) { lose("it leaves the memory") }
    }

    private mutating func allow(_ transition: Transition) {
        for event in transition.events where event.type == "task.reconciled" {
            if let task = event.data["task"]?.integerValue { peers.allowAgain(Int(task)) }
        }
    }

    /// What comes too late changes nothing.
    private mutating func checkNothingFollows() throws {
        guard var machine else { return }
        for effect in peers.requested.values {
            machine.finish(task: effect.task, attempt: effect.attempt, with: .success(.null), now: now)
        }
        machine.receive(.init(key: .max, content: .suspend(by: nil)), now: now)
        machine.receive(.init(key: .max - 1, content: .event(try event("sent.a"), task: nil)), now: now)
        machine.cancel(now: now)
        machine.passTime(now: now + .seconds(1_000_000))
        let transition = machine.takeTransition()
        guard transition.tasks.isEmpty, transition.events.isEmpty, transition.effects.isEmpty, transition.mail.isEmpty,
            transition.execution.status == rows.state.status
        else { throw Violation("it has ended, and goes on") }
    }
}

extension Transition {
    /// For a person.
    fileprivate var told: String {
        let rows = tasks.values.sorted { $0.number < $1.number }.map {
            "\($0.number) \($0.reference) \($0.status.name)\($0.reason.map { " (\($0.rawValue))" } ?? "") attempt \($0.attempt)"
        }
        let effects = effects.map { "\($0.task) key \($0.idempotencyKey)" }
        return """
            \(execution.status.name), rows [\(rows.joined(separator: ", "))], events \(events.map(\.type)), \
            effects \(effects), stopped \(stopped), mail taken \(mail.taken) held \(mail.held) \
            accepted \(mail.accepted.map(\.message)) ended \(mail.ended)
            """
    }
}
