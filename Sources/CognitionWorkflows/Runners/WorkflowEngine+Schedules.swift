package import CognitionCore
import CognitionStorage
import Logging
import Tracing

/// Starts workflows by their schedules: a durable timer on the rows of ``ScheduleStore``, which any number of nodes look at.
extension WorkflowEngine {
    /// Runs the schedules that are due, and those that events have come for.
    func runSchedules(_ errands: Workflows.Errands, now: Timestamp) async throws {
        for schedule in errands.schedulesDue {
            try await quietly(schedule) { try await workflows.run(schedule, now: now) }
        }
        for key in errands.schedulesCalled {
            guard let schedule = try await workflows.database.read({ tx in try ScheduleStore.find(key, tx) }) else {
                try await workflows.database.write { tx in
                    try ListenerStore.remove(0, of: -key, tx)
                    try MailStore.deleteAll(of: -key, in: .default, tx)
                }
                continue
            }
            try await quietly(schedule) { try await workflows.takeEvents(schedule, now: now) }
        }
    }

    /// A schedule that cannot be read is told of, and stops no other.
    private func quietly(_ schedule: WorkflowSchedule, _ body: () async throws -> Void) async throws {
        do {
            // The root of the trace of what it starts.
            try await withSpan("schedule \(schedule.workflow)", context: .topLevel, ofKind: .producer) { _ in
                try await body()
            }
        } catch let error as StorageError {
            throw error
        } catch {
            logger.error(
                "Schedule not run", metadata: ["workflow.id": "\(schedule.workflow)", "error": "\(error)"])
            let now = clock.now
            try await workflows.database.write { tx in
                _ = try ScheduleStore.advance(
                    schedule, to: now + .seconds(60), waitsFor: nil, started: nil, now: now, tx)
            }
        }
    }
}

extension Workflows {
    /// The schedule of a workflow; `nil` when its highest version has none.
    /// - Throws: `workflow.not_found`.
    package func schedule(
        of id: WorkflowID, in workspace: WorkspaceID
    ) async throws -> (schedule: WorkflowSchedule, definition: JSONValue, version: String)? {
        try await database.read { tx in
            guard let name = try WorkflowStore.name(of: id, in: workspace, tx) else { throw WorkflowError.notFound(id) }
            guard let schedule = try ScheduleStore.find(name.key, tx),
                let latest = try WorkflowStore.latest(ofName: name.key, tx),
                let definition = try WorkflowStore.document(latest.key, tx)?["schedule"]
            else { return nil }
            return (schedule, definition, latest.version)
        }
    }

    /// Starts an execution of a schedule that is due, or makes the schedule anew when the highest version is another.
    func run(_ schedule: WorkflowSchedule, now: Timestamp) async throws {
        guard let (latest, definition) = try await current(schedule, now: now) else { return }
        let execution: ExecutionID = ids.next()
        let trace = TraceContext.current
        try await database.write { tx in
            if case .on = definition.trigger {
                _ = try ScheduleStore.advance(schedule, to: nil, waitsFor: nil, started: nil, now: now, tx)
                return
            }
            if case .after(let pause) = definition.trigger, let last = schedule.waitsFor {
                let ended = try ExecutionStore.endedAt(last, tx) ?? now
                _ = try ScheduleStore.advance(
                    schedule, to: ended + pause, waitsFor: nil, started: nil, now: now, tx)
                return
            }
            let starts = !schedule.isArchived && !latest.isArchived
            var waitsFor: ExecutionID?
            var next = schedule.dueAt.flatMap { definition.next(afterDue: $0, now: now) }
            if case .after(let pause) = definition.trigger {
                waitsFor = starts ? execution : nil
                next = starts ? nil : now + pause
            }
            guard
                try ScheduleStore.advance(
                    schedule, to: next, waitsFor: waitsFor, started: starts ? execution : nil, now: now, tx)
            else { return }
            if starts { try self.start(execution, of: latest, schedule, input: [:], trace, now: now, tx) }
        }
    }

    /// Takes the events that have come for a schedule, and starts an execution for each set that is complete.
    func takeEvents(_ schedule: WorkflowSchedule, now: Timestamp) async throws {
        guard let (latest, definition) = try await current(schedule, now: now),
            case .on(let strategy) = definition.trigger
        else { return try await emptyMail(ofSchedule: schedule) }
        let key = -schedule.nameKey
        let (ids, trace) = (ids, TraceContext.current)
        try await database.write { tx in
            guard try ScheduleStore.hold(schedule.nameKey, tx) else { return }
            var listening = Listening(
                stored: try MailStore.accepted(of: key, in: schedule.workspace, tx)[0] ?? [], strategy)
            var changes = MailChanges()
            for message in try MailStore.new(of: key, tx) {
                // An expression that fails on an event does not take it.
                guard case .event(let event, _) = message.content, !schedule.isArchived, !latest.isArchived,
                    let filter = try? strategy.acceptingFilter(
                        for: event, listening, input: .null, scope: NoVariables()),
                    (try? listening.take(event, as: message.key, filter, strategy)) != nil
                else {
                    changes.taken.append(message.key)
                    continue
                }
                let place = listening.accepted.count - 1
                changes.accepted.append(.init(message: message.key, task: 0, place: place, filter: filter))
                guard let last = listening.accepted.last,
                    try strategy.isComplete(after: last, listening, scope: NoVariables())
                        || listening.accepted.count >= ExecutionMachine.eventsMax
                else { continue }
                try self.start(ids.next(), of: latest, schedule, input: .array(listening.outputs), trace, now: now, tx)
                changes.taken += listening.accepted.map(\.message)
                changes.accepted = []
                listening = Listening()
            }
            try MailStore.write(changes, [], of: key, in: schedule.workspace, tx)
        }
    }

    /// What was sent to a schedule that does not wait for events any more.
    private func emptyMail(ofSchedule schedule: WorkflowSchedule) async throws {
        try await database.write { tx in
            guard try ScheduleStore.find(schedule.nameKey, tx)?.kind != "on" else { return }
            try MailStore.deleteAll(of: -schedule.nameKey, in: schedule.workspace, tx)
        }
    }

    /// The version that a schedule is of now; `nil` when the schedule has just been made anew, or is gone.
    private func current(
        _ schedule: WorkflowSchedule, now: Timestamp
    ) async throws -> (StoredWorkflow, ScheduleDefinition)? {
        let latest = try await database.read { tx in try WorkflowStore.latest(ofName: schedule.nameKey, tx) }
        guard let latest, !schedule.isDeleted, let definition = try await definition(latest.key, latest).schedule else {
            try await database.write { tx in
                // Somebody may have stored or deleted a version meanwhile, and will have it looked at again.
                guard try ScheduleStore.hold(schedule.nameKey, tx),
                    try WorkflowStore.latest(ofName: schedule.nameKey, tx)?.key == latest?.key
                else { return }
                try ScheduleStore.delete(schedule, tx)
            }
            return nil
        }
        if latest.key == schedule.workflowKey { return (latest, definition) }
        try await database.write { tx in
            // Whoever changes the versions marks the schedule last, and so waits for this, or is seen here.
            guard try ScheduleStore.hold(schedule.nameKey, tx),
                try WorkflowStore.latest(ofName: schedule.nameKey, tx)?.key == latest.key,
                try ScheduleStore.find(schedule.nameKey, tx)?.workflowKey != latest.key
            else { return }
            try ScheduleStore.renew(schedule, from: latest.key, definition, now: now, tx)
        }
        return nil
    }

    private func start(
        _ id: ExecutionID, of workflow: StoredWorkflow, _ schedule: WorkflowSchedule, input: JSONValue,
        _ trace: TraceContext?, now: Timestamp, _ tx: borrowing Transaction
    ) throws {
        var command = ExecuteCommand(workflow: workflow.id, version: workflow.version, input: input)
        command.traceparent = trace?.traceparent
        let principal = Principal(actor: schedule.actor, workspace: schedule.workspace)
        let request = try ExecutionRequest(command, by: principal)
        let document = try definitions.find(workflow.key)?.document ?? WorkflowStore.document(workflow.key, tx)
        _ = try ExecutionStart(
            request, of: workflow, id: id, priority: document.flatMap(ExecutionPriority.usual), ids: ids, now: now
        ).leave(in: tx)
    }
}

extension Listening {
    /// What a schedule has accepted so far; all of it is consumed.
    fileprivate init(stored: [StoredExecution.AcceptedEvent], _ strategy: EventStrategy) {
        for item in stored {
            // They were evaluated when the event was accepted.
            try? take(CloudEvent(stored: item.event), as: item.message, item.filter, strategy)
        }
    }

    fileprivate mutating func take(
        _ event: CloudEvent, as message: Int64, _ filter: Int, _ strategy: EventStrategy
    ) throws {
        let values = try strategy.correlationValues(of: event, takenBy: filter, scope: NoVariables())
        accepted.append(.init(message: message, event: event, filter: filter, isSignal: false))
        for (name, value) in values where expected[name] == nil { expected[name] = value }
        next += 1
        if filter < max(strategy.filters.count, 1) { outputs.append(event.read(as: .envelope)) }
    }
}

/// A schedule as its users see it.
package struct StandingSchedule: Sendable {
    package let schedule: WorkflowSchedule
    package let definition: JSONValue
    package let version: String

    package var json: JSONValue {
        [
            "workflow_id": .string(schedule.workflow.description), "version": .string(version),
            "schedule": definition, "is_active": .bool(!schedule.isArchived),
            "next_at": schedule.dueAt.map { .string($0.description) } ?? .null,
            "last_execution_id": schedule.lastExecution.map { .string($0.description) } ?? .null,
            "last_at": schedule.lastAt.map { .string($0.description) } ?? .null,
        ]
    }
}

extension Workflows {
    /// - Throws: `workflow.not_found`, `workflow.no_schedule`.
    package func standingSchedule(of id: WorkflowID, in workspace: WorkspaceID) async throws -> StandingSchedule {
        guard let found = try await schedule(of: id, in: workspace) else {
            throw WorkflowError(.noSchedule, "workflow \(id) starts when it is asked to: it has no schedule")
        }
        return StandingSchedule(schedule: found.schedule, definition: found.definition, version: found.version)
    }
}
