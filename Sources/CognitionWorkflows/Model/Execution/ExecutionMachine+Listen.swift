import CognitionCore
import CognitionExpressions

extension ExecutionMachine {
    /// Events that one `listen` accepts; one more faults it.
    package static let eventsMax = 10_000
    /// Signals that wait for somebody to listen; further ones are refused by whoever keeps the mailbox.
    package static let signalsHeldMax = 1_000

    // MARK: emit

    mutating func emit(_ number: Int, _ emit: EmitDefinition, now: Timestamp) throws {
        guard let task = tasks[number] else { return }
        let attributes = try emit.attributes.evaluate(task.input, scope: scope(of: task, stage: .body))
        let event = try CloudEvent(attributes, id: "\(id)-\(number)", now: now)
        publish(event)
        complete(number, output: .object(event.json), now: now)
    }

    // MARK: listen

    mutating func beginListening(_ number: Int, _ listen: ListenDefinition, now: Timestamp) throws {
        guard let task = tasks[number] else { return }
        let scope = scope(of: task, stage: .body)
        let keys = try listen.strategy.listenerKeys(input: task.input, scope: scope)
        update(number) { task in
            task.status = .waiting
            task.progress = .listening(Listening())
        }
        mail.listeners.append(Listener(task: number, keys: keys))
        try offerHeldSignals(to: number, listen, now: now)
    }

    /// One at a time, so that what the task does not need any more is kept for others.
    private mutating func offerHeldSignals(to number: Int, _ listen: ListenDefinition, now: Timestamp) throws {
        for signal in heldSignals where tasks[number]?.progress.listening != nil {
            do {
                guard try accept(signal.event, as: signal.message, isSignal: true, by: number) else { continue }
            } catch {
                heldSignals.removeAll { $0.message == signal.message }
                mail.taken.append(signal.message)
                throw error
            }
            heldSignals.removeAll { $0.message == signal.message }
            consume(number, listen, now: now)
        }
    }

    /// A task ends. Signals that it has accepted and not come to wait again: they were sent to the execution, not to it.
    mutating func stopListening(_ number: Int, _ listening: Listening) {
        mail.ended.append(number)
        let left = listening.accepted.dropFirst(max(listening.begun, listening.next)).filter(\.isSignal)
        guard !left.isEmpty else { return }
        heldSignals += left.map { (message: $0.message, event: $0.event) }
        heldSignals.sort { $0.message < $1.message }
        mail.returned.formUnion(left.map(\.message))
        mayOfferSignals = true
    }

    /// Offers signals that have come back to the tasks that listen already.
    mutating func offerHeldSignals(now: Timestamp) {
        mayOfferSignals = false
        for number in tasks.numbers.sorted() {
            guard let task = tasks[number], case .listen(let listen) = task.definition.kind,
                task.progress.listening != nil
            else { continue }
            do {
                try offerHeldSignals(to: number, listen, now: now)
            } catch {
                fail(number, WorkflowFault(error), now: now)
            }
        }
        if hasMore || mayOfferSignals { advance(now: now) }
    }

    /// An event for the task with this number, or a signal for whichever listens for it.
    mutating func receive(_ event: CloudEvent, as message: Int64, task: Int?, now: Timestamp) {
        let isSignal = task == nil
        let candidates = task.map { [$0] } ?? tasks.numbers.sorted()
        for number in candidates {
            guard let task = tasks[number], case .listen(let listen) = task.definition.kind,
                task.progress.listening != nil
            else { continue }
            do {
                guard try accept(event, as: message, isSignal: isSignal, by: number) else { continue }
                return consume(number, listen, now: now)
            } catch {
                mail.taken.append(message)
                return fail(number, WorkflowFault(error), now: now)
            }
        }
        guard task == nil else { return mail.taken.append(message) }
        heldSignals.append((message: message, event: event))
        mail.held.append(message)
    }

    /// Whether a task takes an event; if so it belongs to the task from now on.
    private mutating func accept(
        _ event: CloudEvent, as message: Int64, isSignal: Bool, by number: Int
    ) throws -> Bool {
        guard let task = tasks[number], case .listen(let listen) = task.definition.kind,
            let listening = task.progress.listening,
            let filter = try listen.strategy.acceptingFilter(
                for: event, listening, input: task.input, scope: scope(of: task, stage: .body))
        else { return false }
        guard listening.accepted.count < Self.eventsMax else {
            throw WorkflowFault(.runtime, "a 'listen' task takes at most \(Self.eventsMax) events")
        }
        let values = try listen.strategy.correlationValues(
            of: event, takenBy: filter, scope: scope(of: task, stage: .body))
        mail.returned.remove(message)
        mail.accepted.append(
            .init(message: message, task: number, place: listening.accepted.count, filter: filter))
        update(number) { task in
            task.progress.changeListening { listening in
                listening.accepted.append(
                    .init(message: message, event: event, filter: filter, isSignal: isSignal))
                for (name, value) in values where listening.expected[name] == nil { listening.expected[name] = value }
            }
        }
        return true
    }

    /// Takes the accepted events one after the other, until one needs tasks to be run for it or the listening is over.
    mutating func consume(_ number: Int, _ listen: ListenDefinition, now: Timestamp) {
        do {
            while !isSuspended, let task = tasks[number], let listening = task.progress.listening,
                task.children.isEmpty, listening.next < listening.accepted.count
            {
                let item = listening.accepted[listening.next]
                tasks.change(number) { $0.progress.changeListening { $0.begun = $0.next + 1 } }
                if item.filter >= listen.strategy.filters.count {
                    update(number) { $0.progress.changeListening { $0.next += 1 } }
                    if try hasEnded(listen, after: item, of: number) { return end(number, listening, now: now) }
                    continue
                }
                if let body = listen.iterator?.body, !body.tasks.isEmpty {
                    update(number) { $0.status = .running }
                    return start(body, scope: listening.next, of: number, now: now)
                }
                try give(item.event.read(as: listen.read), for: item, of: number, listen)
                if try hasEnded(listen, after: item, of: number), let listening = tasks[number]?.progress.listening {
                    return end(number, listening, now: now)
                }
            }
            if let task = tasks[number], task.children.isEmpty, task.status == .running {
                update(number) { $0.status = .waiting }
            }
        } catch {
            fail(number, WorkflowFault(error), now: now)
        }
    }

    /// The tasks of `foreach` have ended for one event.
    mutating func endEvent(_ number: Int, _ listen: ListenDefinition, output: JSONValue, now: Timestamp) {
        guard let listening = tasks[number]?.progress.listening, listening.next < listening.accepted.count else {
            return
        }
        let item = listening.accepted[listening.next]
        do {
            try give(output, for: item, of: number, listen)
            if try hasEnded(listen, after: item, of: number), let listening = tasks[number]?.progress.listening {
                return end(number, listening, now: now)
            }
            consume(number, listen, now: now)
        } catch {
            fail(number, WorkflowFault(error), now: now)
        }
    }

    /// An event is consumed: what came of it goes through `foreach.output` and `foreach.export`.
    private mutating func give(
        _ raw: JSONValue, for item: Listening.Accepted, of number: Int, _ listen: ListenDefinition
    ) throws {
        guard let task = tasks[number], let listening = task.progress.listening else { return }
        var output = raw
        if let iterator = listen.iterator {
            let variables = [
                iterator.item: item.event.read(as: listen.read), iterator.at: .integer(Int64(listening.next)),
            ]
            if let template = iterator.output.as {
                var scope = scope(of: task, stage: .output(raw: raw))
                scope.define(variables)
                output = try template.evaluate(raw, scope: scope)
            }
            try check(output, against: iterator.output.schema, "output of an event")
            if let export = iterator.export {
                var scope = scope(of: task, stage: .export(raw: raw, output: output))
                scope.define(variables)
                let context = try export.as.evaluate(output, scope: scope)
                try check(context, against: export.schema, "context")
                setContext(context)
            }
            mail.outputs.append((message: item.message, output: output))
        }
        update(number) { task in
            task.progress.changeListening { listening in
                listening.outputs.append(output)
                listening.next += 1
            }
        }
    }

    private func hasEnded(_ listen: ListenDefinition, after item: Listening.Accepted, of number: Int) throws -> Bool {
        guard let task = tasks[number], let listening = task.progress.listening else { return false }
        return try listen.strategy.isComplete(after: item, listening, scope: scope(of: task, stage: .body))
    }

    private mutating func end(_ number: Int, _ listening: Listening, now: Timestamp) {
        complete(number, output: .array(tasks[number]?.progress.listening?.outputs ?? listening.outputs), now: now)
    }

    /// What a listening task was when its rows were written; one that has not begun takes nothing yet.
    mutating func restoreListening(_ number: Int, _ accepted: [StoredExecution.AcceptedEvent]) {
        guard let task = tasks[number], case .listen(let listen) = task.definition.kind, task.status != .pending
        else { return }
        var listening = Listening()
        // What `foreach` has given something for was consumed, and everything before it.
        let lastGiven = accepted.lastIndex { $0.output != nil } ?? -1
        let own = listen.strategy.filters.count
        let scope = scope(of: task, stage: .body)
        for (place, item) in accepted.enumerated() {
            let event = CloudEvent(stored: item.event)
            listening.accepted.append(
                .init(message: item.message, event: event, filter: item.filter, isSignal: item.isSignal))
            // They were evaluated when the event was accepted.
            let values = try? listen.strategy.correlationValues(of: event, takenBy: item.filter, scope: scope)
            for (name, value) in values ?? [] where listening.expected[name] == nil { listening.expected[name] = value }
            // A suspended execution has consumed nothing of late; what it has is looked at again when it goes on.
            let isLeft = listen.iterator != nil && item.filter < own
            let isConsumed = place <= lastGiven || (!isSuspended && !isLeft)
            guard isConsumed, listening.next == listening.accepted.count - 1 else { continue }
            listening.next += 1
            if item.filter < own { listening.outputs.append(item.output ?? event.read(as: listen.read)) }
        }
        // The tasks of `foreach` run for the next one.
        listening.begun = listening.next + (task.status == .running ? 1 : 0)
        tasks.change(number) { $0.progress = .listening(listening) }
    }
}
