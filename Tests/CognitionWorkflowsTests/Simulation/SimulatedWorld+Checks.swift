import CognitionCore
import CognitionWorkflows

/// What has to be true of an execution that has ended, whatever has happened to it.
extension SimulatedWorld {
    func check() throws {
        try checkRows()
        try checkHistory()
        try checkMail()
        try checkCompensation()
    }

    private func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        guard condition else { throw Violation(message()) }
    }

    private func checkRows() throws {
        let state = rows.state
        try require(Set(rows.tasks.keys) == Set(1..<state.nextNumber), "numbers of tasks are missing")
        try require(rows.tasks.values.allSatisfy { $0.status.hasEnded && $0.endedAt != nil }, "a task has not ended")
        let orders = rows.tasks.values.compactMap(\.endedOrder)
        // Ends that a retry has taken back leave their places empty.
        try require(
            retries > 0 ? Set(orders).count == orders.count : orders.sorted() == Array(1..<state.nextNumber),
            "the ends of the tasks have not the places 1, 2, 3…")
        for row in rows.tasks.values {
            try require(row.placedAfter ?? .max < row.endedOrder ?? 0, "task \(row.number) ended before it was placed")
            if case .task(let other) = row.source, row.parent > 0 {
                try require(
                    rows.tasks[other]?.endedOrder ?? .max <= row.placedAfter ?? 0,
                    "task \(row.number) was placed before task \(other) had ended")
            }
        }
        try require((state.progress == 100) == (state.status == .completed), "progress is \(state.progress) at the end")
        try require(state.ending == nil && state.wakeAt == nil, "something is left to be done")
    }

    private func checkHistory() throws {
        let types = rows.events.map(\.type)
        try require(types.first == "execution.started", "the first event is \(types.first ?? "none")")
        let ends = ["completed", "faulted", "cancelled"]
        try require(types.last == "execution.\(rows.state.status.name)", "the last event is \(types.last ?? "none")")
        try require(
            types.count { type in ends.contains { type == "execution.\($0)" } } == retries + 1
                && types.count { $0 == "execution.retried" } == retries, "it ends twice")
        let lastRetry = types.lastIndex(of: "execution.retried") ?? 0
        var isSuspended: Bool? = false
        var order = 0
        var started: Set<Int> = []
        var ended: Set<Int> = []
        for (index, event) in rows.events.enumerated() {
            try checkActor(of: event)
            if event.type == "execution.retried" {
                isSuspended = false
                let completed = ended.filter { rows.tasks[$0]?.endedOrder ?? .max <= order }
                (started, ended) = (completed, completed)
            }
            if event.type == "execution.suspended" || event.type == "execution.resumed" {
                let isSuspension = event.type == "execution.suspended"
                try require(isSuspended != isSuspension, "it is \(event.type) twice")
                isSuspended = isSuspension
            }
            // A failure leaves it suspended; a cancellation makes it go on with undoing.
            if event.type == "execution.compensating" { isSuspended = nil }
            guard let number = event.data["task"]?.integerValue.map({ Int($0) }), let row = rows.tasks[number] else {
                continue
            }
            if event.type == "task.started" {
                try require(started.insert(number).inserted, "task \(number) is started twice")
                try require(!ended.contains(number), "task \(number) is started after its end")
            } else if ends.contains(where: { event.type == "task.\($0)" }) {
                try require(ended.insert(number).inserted, "task \(number) ends twice")
                // Of an end that was taken back the row knows nothing.
                guard index > lastRetry || event.type == "task.completed" else { continue }
                try require(event.type == "task.\(row.status.name)", "task \(number) ended otherwise")
                try require(row.endedOrder ?? 0 > order, "the end of task \(number) is told too late")
                order = row.endedOrder ?? 0
            }
        }
        try require(started.subtracting(ended).isEmpty, "ends are not told: \(started.subtracting(ended).sorted())")
    }

    /// The log says who has asked for it.
    private func checkActor(of event: ExecutionEvent) throws {
        let member: String? =
            switch event.type {
            case "execution.suspended": "suspended_by"
            case "execution.resumed": "resumed_by"
            case "execution.retried": "retried_by"
            case "task.reconciled": "reconciled_by"
            case "execution.compensating" where event.data["ending"] == "cancelled": "cancelled_by"
            case "execution.cancelled" where rows.state.reason == nil: "cancelled_by"
            default: nil
            }
        guard let member else { return }
        try require(event.data[member] == "user:ann", "\(event.type) does not say who has asked for it")
    }

    private func checkMail() throws {
        // Whoever tries again after a failure finds the signals that nobody had listened for.
        let mayHold = rows.state.status == .faulted
        try require(
            rows.letters.values.allSatisfy { $0.state == .new || mayHold && $0.state == .held },
            "the mailbox is not empty")
        try require(rows.listeners.isEmpty, "tasks listen that have ended")
        try require(!rows.questions.values.contains(where: \.isOpen), "a question is open")
        for (number, question) in rows.questions where question.isAnswered {
            guard let row = rows.tasks[number], row.status == .completed else { continue }
            try require(row.output?["expired"] == false, "the answer to the question of task \(number) was lost")
        }
    }

    // MARK: Compensation

    /// What has happened outside and can be undone is undone once, last first, and nothing else is.
    private func checkCompensation() throws {
        let undone = rows.events.filter { $0.type == "task.compensated" || $0.type == "task.compensation_failed" }
            .compactMap { $0.data["task"]?.integerValue.map { Int($0) } }
        guard rows.state.status != .completed else { return try require(undone.isEmpty, "it completed, and undoes") }
        try require(zip(undone, undone.dropFirst()).allSatisfy { $0 > $1 }, "not undone last first: \(undone)")
        let places = definition.places
        let requests = Dictionary(grouping: peers.requested.values, by: \.task)
        var counts: [String: Int] = [:]
        for number in undone {
            guard let reference = rows.tasks[number]?.reference, let place = places[reference] else {
                throw Violation("task \(number) is undone, and is none")
            }
            try require(place.task.compensation != nil, "task \(number) is undone without saying how")
            if let effect = requests[number]?.first {
                counts[SimulatedPeers.name(of: effect), default: 0] += 1
            } else {
                try require(
                    !place.task.isCall || wasRepeated(number),
                    "task \(number) is undone, and was never begun")
            }
        }
        for (name, effect) in peers.requested where places[effect.reference]?.task.compensation != nil {
            let isInside = effect.reference.contains("/compensate/")
            if peers.happened[name] != nil, !isInside {
                try require(isUndone(effect, undone), "\(name) has happened, and is not undone")
            }
            try require(counts[name, default: 0] <= 1, "\(name) is undone \(counts[name, default: 0]) times")
        }
    }

    /// Attempts of a `try` at one effect: requests are known by their names, of which these have one together.
    private func wasRepeated(_ number: Int) -> Bool {
        rows.tasks[number].map { row in peers.requested.values.contains { $0.reference == row.reference } } ?? false
    }

    private func isUndone(_ effect: EffectRequest, _ undone: [Int]) -> Bool {
        undone.contains { number in
            number == effect.task
                || effect.effect != .once
                    && rows.tasks[number]?.progress?["compensate"]?["key"]?.stringValue
                        == "\(effect.idempotencyKey) \(effect.reference)"
        }
    }
}

extension TaskDefinition {
    fileprivate var isCall: Bool { if case .call = kind { true } else { false } }
}
