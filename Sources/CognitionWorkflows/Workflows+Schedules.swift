package import CognitionCore
import CognitionStorage
import Logging

/// Workflows that start by themselves: what the highest version declares stands with the ``ScheduleKeeper``, from the same
/// commit on. Only what events a workflow waits for is kept here.
extension Workflows {
    /// Has a workflow start as its versions say now; the last thing that a change of them does.
    func keepSchedule(
        ofName nameKey: Int64, _ id: WorkflowID, in workspace: WorkspaceID, now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        guard let keeper else { return }
        guard let latest = try WorkflowStore.highest(ofName: nameKey, exceptTrials: true, tx),
            let name = try WorkflowStore.name(of: id, in: workspace, tx),
            let document = try WorkflowStore.document(latest.key, tx),
            let definition = ScheduleDefinition(of: document, context: context)
        else {
            try keeper.drop(id, in: workspace, now: now, tx)
            return try clearEvents(ofName: nameKey, in: workspace, tx)
        }
        let declared = DeclaredSchedule(
            workflow: id, version: latest.version, workspace: workspace,
            actor: try WorkflowStore.creator(of: latest.key, tx), definition: definition,
            isActive: !name.isArchived && !latest.isArchived)
        guard try keeper.keep(declared, now: now, in: tx) else { return }
        try clearEvents(ofName: nameKey, in: workspace, tx)
        guard case .on(let strategy) = definition.trigger else { return }
        let keys = try strategy.listenerKeys(input: .null, scope: NoVariables())
        try ListenerStore.add(Listener(task: 0, keys: keys), of: -nameKey, in: workspace, tx)
    }

    /// A workflow listens under the negative key of its name, as task 0.
    private func clearEvents(
        ofName nameKey: Int64, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws {
        try ListenerStore.remove(0, of: -nameKey, tx)
        try MailStore.deleteAll(of: -nameKey, in: workspace, tx)
    }

    /// Hands over to the keeper what a database of an earlier build has of schedules; once at the start.
    package func handOverSchedules() async throws {
        guard keeper != nil else { return }
        let names = try await database.read { tx in
            try tx.query(
                """
                SELECT n.key, n.namespace, n.name, n.workspace_id
                FROM workflow_schedules s JOIN workflow_names n ON n.key = s.name_key ORDER BY n.key
                """
            ) { row in
                (
                    key: try row[0] as Int64, id: WorkflowID(namespace: try row[1], name: try row[2]),
                    workspace: try row[3] as WorkspaceID
                )
            }
        }
        let now = clock.now
        for name in names {
            try await database.write { tx in
                try WorkflowStore.hold(name.id, in: name.workspace, tx)
                guard try tx.execute("DELETE FROM workflow_schedules WHERE name_key = \(name.key)") == 1 else { return }
                try self.keepSchedule(ofName: name.key, name.id, in: name.workspace, now: now, tx)
            }
        }
    }

    // MARK: Events

    /// Takes the events that have come for a workflow's schedule, and has it started for each set that is complete.
    func takeEvents(ofName nameKey: Int64, now: Timestamp) async throws {
        guard let keeper, let (id, workspace) = try await reference(ofName: nameKey) else {
            return try await database.write { tx in try self.clearEvents(ofName: nameKey, in: .default, tx) }
        }
        try await database.write { tx in
            try WorkflowStore.hold(id, in: workspace, tx)
            guard let latest = try WorkflowStore.highest(ofName: nameKey, exceptTrials: true, tx),
                let document = try WorkflowStore.document(latest.key, tx),
                case .on(let strategy) = ScheduleDefinition(of: document, context: self.context)?.trigger
            else { return try self.clearEvents(ofName: nameKey, in: workspace, tx) }
            let isArchived = try WorkflowStore.name(of: id, in: workspace, tx)?.isArchived ?? true || latest.isArchived
            var listening = Listening(
                stored: try MailStore.accepted(of: -nameKey, in: workspace, tx)[0] ?? [], strategy)
            var changes = MailChanges()
            for message in try MailStore.new(of: -nameKey, tx) {
                // An expression that fails on an event does not take it.
                guard case .event(let event, _) = message.content, !isArchived,
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
                try keeper.start(id, input: .array(listening.outputs), in: workspace, now: now, tx)
                changes.taken += listening.accepted.map(\.message)
                changes.accepted = []
                listening = Listening()
            }
            try MailStore.write(changes, [], of: -nameKey, in: workspace, tx)
        }
    }

    private func reference(ofName key: Int64) async throws -> (WorkflowID, WorkspaceID)? {
        try await database.read { tx in
            try tx.first("SELECT namespace, name, workspace_id FROM workflow_names WHERE key = \(key)") { row in
                (WorkflowID(namespace: try row[0], name: try row[1]), try row[2])
            }
        }
    }

    // MARK: Looking

    /// How a workflow stands that starts by itself.
    /// - Throws: `workflow.not_found`, `workflow.no_schedule`, `workflow.no_scheduler` where nothing starts workflows.
    package func standingSchedule(of id: WorkflowID, in workspace: WorkspaceID) async throws -> StandingSchedule {
        guard let keeper else {
            throw WorkflowError(.noScheduler, "nothing here starts workflows by themselves")
        }
        return try await database.read { tx in
            guard let name = try WorkflowStore.name(of: id, in: workspace, tx) else { throw WorkflowError.notFound(id) }
            guard let latest = try WorkflowStore.highest(ofName: name.key, exceptTrials: true, tx),
                let definition = try WorkflowStore.document(latest.key, tx)?["schedule"],
                let standing = try keeper.standing(of: id, in: workspace, tx)
            else {
                throw WorkflowError(.noSchedule, "workflow \(id) starts when it is asked to: it has no schedule")
            }
            return StandingSchedule(workflow: id, version: latest.version, definition: definition, standing: standing)
        }
    }
}

/// A schedule as its users see it.
package struct StandingSchedule: Sendable {
    package let workflow: WorkflowID
    package let version: String
    /// As the document has it.
    package let definition: JSONValue
    package let standing: ScheduleStanding

    package var json: JSONValue {
        [
            "workflow_id": .string(workflow.description), "version": .string(version), "schedule": definition,
            "job_id": .string(standing.job), "is_active": .bool(standing.isActive),
            "next_at": standing.nextAt.map { .string($0.description) } ?? .null,
            "runs_completed": .integer(standing.runsCompleted), "runs_failed": .integer(standing.runsFailed),
            "last_run": standing.lastRun,
        ]
    }
}

/// Where expressions stand that nothing surrounds.
private struct NoVariables: VariableScope {
    func value(of variable: String) -> JSONValue { .null }
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
