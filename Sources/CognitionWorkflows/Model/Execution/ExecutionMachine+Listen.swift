import CognitionCore
import CognitionExpressions

/// What a `listen` has accepted so far, in its order.
struct Listening: Sendable {
    struct Accepted: Sendable {
        let message: Int64
        let event: CloudEvent
        /// Place of its filter among ``EventStrategy/allFilters``; -1 where there are none.
        let filter: Int
    }

    var accepted: [Accepted] = []
    /// The accepted event that is consumed next.
    var next = 0
    /// What the consumed events gave; those that only say stop give nothing.
    var outputs: [JSONValue] = []
    /// Correlation values that the first events have set.
    var expected: [String: JSONValue] = [:]
}

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
        let keys = try listen.strategy.allFilters.map { filter in
            guard let index = filter.index, let expect = index.expect else {
                return Listener.Key(type: filter.type, correlation: nil, expected: nil)
            }
            let expected = try expect.evaluate(task.input, scope: scope)
            return Listener.Key(
                type: filter.type, correlation: index.from.source, expected: SHA256Digest(of: expected.canonicalJSON))
        }
        var listener = Set(keys)
        if listen.strategy.filters.isEmpty {
            listener = [Listener.Key(type: nil, correlation: nil, expected: nil)]
        }
        update(number) { task in
            task.status = .waiting
            task.progress = .listening(Listening())
        }
        mail.listeners.append(Listener(task: number, keys: listener))
        for signal in heldSignals where try accept(signal.event, as: signal.message, by: number) {
            heldSignals.removeAll { $0.message == signal.message }
        }
        consume(number, listen, now: now)
    }

    /// An event for the task with this number, or a signal for whichever listens for it.
    mutating func receive(_ event: CloudEvent, as message: Int64, task: Int?, now: Timestamp) {
        let candidates = task.map { [$0] } ?? tasks.keys.sorted()
        for number in candidates {
            guard let task = tasks[number], case .listen(let listen) = task.definition.kind,
                task.progress.listening != nil
            else { continue }
            do {
                guard try accept(event, as: message, by: number) else { continue }
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
    private mutating func accept(_ event: CloudEvent, as message: Int64, by number: Int) throws -> Bool {
        guard let task = tasks[number], case .listen(let listen) = task.definition.kind,
            let listening = task.progress.listening,
            let filter = try acceptingFilter(for: event, listen.strategy, listening, of: task)
        else { return false }
        guard listening.accepted.count < Self.eventsMax else {
            throw WorkflowFault(.runtime, "a 'listen' task takes at most \(Self.eventsMax) events")
        }
        let correlations = filter < 0 ? [] : listen.strategy.allFilters[filter].correlations
        let values = try correlations.map { correlation in
            (correlation.name, try correlation.from.first(.object(event.json), scope: scope(of: task, stage: .body)))
        }
        mail.accepted.append(
            .init(message: message, task: number, place: listening.accepted.count, filter: filter))
        update(number) { task in
            task.progress.changeListening { listening in
                listening.accepted.append(.init(message: message, event: event, filter: filter))
                for (name, value) in values where listening.expected[name] == nil { listening.expected[name] = value }
            }
        }
        return true
    }

    /// The filter that takes an event: the first that matches and still wants one; -1 for any event at all.
    private func acceptingFilter(
        for event: CloudEvent, _ strategy: EventStrategy, _ listening: Listening, of task: LiveTask
    ) throws -> Int? {
        let taken = Set(listening.accepted.map(\.filter))
        func firstMatch(_ places: Range<Int>) throws -> Int? {
            try places.first { place in
                try matches(event, strategy.allFilters[place], listening, of: task)
            }
        }
        let own = strategy.filters.indices
        switch strategy.mode {
        case .one, .all:
            return try own.first { place in
                try !taken.contains(place) && matches(event, strategy.filters[place], listening, of: task)
            }
        case .any(until: .first):
            guard listening.accepted.isEmpty else { return nil }
            return own.isEmpty ? -1 : try firstMatch(own)
        case .any(until: .condition):
            return own.isEmpty ? -1 : try firstMatch(own)
        case .any(until: .events(let until)):
            let stops = own.upperBound..<own.upperBound + until.filters.count
            let stop = try stops.first { place in
                try !taken.contains(place) && matches(event, strategy.allFilters[place], listening, of: task)
            }
            if let stop { return stop }
            return own.isEmpty ? -1 : try firstMatch(own)
        }
    }

    private func matches(
        _ event: CloudEvent, _ filter: EventFilterDefinition, _ listening: Listening, of task: LiveTask
    ) throws -> Bool {
        let scope = scope(of: task, stage: .body)
        let isMatch = try filter.attributes.allSatisfy { name, attribute in
            guard let value = event.json[name] else { return false }
            switch attribute {
            case .equals(let expected): return value == expected
            case .pattern(let text, let pattern):
                guard let string = value.stringValue else { return false }
                return try string == text || pattern.matches(string)
            case .expression(let template):
                let result = try template.evaluate(value, scope: scope)
                if case .bool(let verdict) = result { return verdict }
                return result == value
            }
        }
        guard isMatch else { return false }
        return try filter.correlations.allSatisfy { correlation in
            let value = try correlation.from.first(.object(event.json), scope: scope)
            if let expect = correlation.expect { return try expect.evaluate(task.input, scope: scope) == value }
            return listening.expected[correlation.name].map { $0 == value } ?? true
        }
    }

    /// Takes the accepted events one after the other, until one needs tasks to be run for it or the listening is over.
    mutating func consume(_ number: Int, _ listen: ListenDefinition, now: Timestamp) {
        do {
            while !isSuspended, let task = tasks[number], let listening = task.progress.listening,
                task.children.isEmpty, listening.next < listening.accepted.count
            {
                let item = listening.accepted[listening.next]
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
        let consumed = listening.accepted.prefix(listening.next)
        switch listen.strategy.mode {
        case .one, .any(until: .first): return true
        case .all: return Set(consumed.map(\.filter)).count == listen.strategy.filters.count
        case .any(until: .condition(let condition)):
            return try condition.isTrue(.array(listening.outputs), scope: scope(of: task, stage: .body))
        case .any(until: .events(let until)):
            let own = listen.strategy.filters.count
            guard item.filter >= own else { return false }
            if case .all = until.mode {
                return Set(consumed.map(\.filter).filter { $0 >= own }).count == until.filters.count
            }
            return true
        }
    }

    private mutating func end(_ number: Int, _ listening: Listening, now: Timestamp) {
        complete(number, output: .array(tasks[number]?.progress.listening?.outputs ?? listening.outputs), now: now)
    }

    /// What a listening task was when its rows were written.
    mutating func restoreListening(_ number: Int, _ accepted: [StoredExecution.AcceptedEvent]) {
        guard let task = tasks[number], case .listen(let listen) = task.definition.kind else { return }
        var listening = Listening()
        let own = listen.strategy.filters.count
        let scope = scope(of: task, stage: .body)
        for item in accepted {
            let event = CloudEvent(stored: item.event)
            listening.accepted.append(.init(message: item.message, event: event, filter: item.filter))
            for correlation in item.filter < 0 ? [] : listen.strategy.allFilters[item.filter].correlations
            where listening.expected[correlation.name] == nil {
                // It was evaluated when the event was accepted.
                listening.expected[correlation.name] = try? correlation.from.first(.object(event.json), scope: scope)
            }
            let isConsumed: Bool
            if item.filter >= own {
                isConsumed = listening.next == listening.accepted.count - 1
            } else if listen.iterator != nil {
                isConsumed = item.output != nil
            } else {
                isConsumed = !isSuspended
            }
            guard isConsumed, listening.next == listening.accepted.count - 1 else { continue }
            listening.next += 1
            if item.filter < own { listening.outputs.append(item.output ?? event.read(as: listen.read)) }
        }
        tasks[number]?.progress = .listening(listening)
    }
}
