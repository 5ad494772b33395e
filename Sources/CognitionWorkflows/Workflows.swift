package import CognitionCore
package import CognitionStorage

/// Workflows: their definitions, and their executions from the request to the result.
///
/// What runs executions is a ``WorkflowEngine``; everything here works without one, and what it leaves in the database an
/// engine takes up.
package final class Workflows: Sendable {
    /// Bytes of an execution's input as JSON.
    package static let inputBytesMax = 32 << 20
    /// Tasks that come with an execution; the others are read page by page.
    package static let tasksShownMax = 1_000
    /// Items of a page of a list.
    package static let pageMax = 200
    /// What stands for the highest version of a workflow.
    package static let latest = "latest"

    package let database: any Database
    let clock: any WallClock
    let ids: UUIDGenerator
    let context: DefinitionContext
    let definitions = DefinitionCache()
    let ends: EndAnnouncer
    let lifecycle = LifecycleInterest()
    /// `nil` where there are no secrets.
    let cipher: (any SecretCipher)?
    let fetcher: DocumentFetcher?
    /// `nil` where workflows start only when they are asked to.
    let keeper: (any ScheduleKeeper)?
    /// What tasks that run here are writing.
    package let tokens = TokenStreams()

    /// - Parameters:
    ///   - http: The way to documents that definitions refer to; `nil` fetches none.
    ///   - keeper: What starts workflows by their schedules; `nil`: a schedule is stored with its document, and nothing starts by
    ///     it.
    package init(
        database: any Database, functions: [any TaskFunction], processes: ProcessRules = ProcessRules(),
        cipher: (any SecretCipher)? = nil, clock: any WallClock = SystemWallClock(), ids: UUIDGenerator,
        http: (any OutboundHTTP)? = nil, keeper: (any ScheduleKeeper)? = nil
    ) {
        self.keeper = keeper
        self.cipher = cipher
        self.database = database
        self.clock = clock
        self.ids = ids
        self.ends = EndAnnouncer()
        self.fetcher = http.map(DocumentFetcher.init(http:))
        var context = DefinitionContext(of: functions, processes: processes)
        if let keeper { context.scheduleFault = { keeper.fault(in: $0) } }
        self.context = context
    }

    // MARK: Definitions

    /// Reads and checks a document that refers to no others; ``read(_:as:)`` takes every document.
    /// - Throws: `DefinitionError` with every fault.
    package func validate(_ text: String) throws -> WorkflowDefinition {
        try WorkflowDefinition(reading: text, context: context)
    }

    // MARK: Executions

    /// Starts an execution, or answers the one that the idempotency key has started before.
    ///
    /// - Throws: `workflow.not_found`, `workflow.archived`, `workflow.input_too_large`, `workflow.command_invalid`,
    ///   `workflow.idempotency_key_reused`.
    ///
    /// On an engine with room the execution runs at once: what needs no effect is done before the first commit.
    package func execute(
        _ command: ExecuteCommand, as principal: Principal, on engine: WorkflowEngine? = nil
    ) async throws -> ExecutionSummary {
        let request = try ExecutionRequest(command, by: principal)
        // Before the definition is looked up, as the one that was executed may be deleted by now.
        if command.idempotencyKey != nil,
            let earlier = try await database.read({ tx in try request.earlier(in: tx) })
        {
            return earlier
        }
        let (workflow, definition) = try await find(command.workflow, version: command.version, in: principal.workspace)
        let reading = engine?.readClock() ?? ClockReading(now: clock.now)
        let start = ExecutionStart(
            request, of: workflow, id: ids.next(), priority: ExecutionPriority.usual(in: definition.document), ids: ids,
            now: reading.now)
        guard let engine, engine.hasRoom else {
            return try await database.write { tx in try start.leave(in: tx) }
        }
        var machine = ExecutionMachine.start(definition, id: start.id, input: command.input, now: start.now)
        let transition = machine.takeTransition()
        let leaves = engine.leavesMemory(transition, now: start.now)
        let first = start.write(transition, on: engine.node, releases: leaves, interest: lifecycle)
        let (summary, key) = try await database.write { tx in try start.run(first, in: tx) }
        if let key {
            let live = LiveExecution(
                key: key.value, workspace: principal.workspace, epoch: 1, origin: start.origin,
                priority: start.priority, machine: machine, clock: reading)
            engine.adopt(live, after: transition, leaves: leaves)
        }
        return summary
    }

    /// The unfinished execution of the same definition and input, if there is one.
    package func unfinished(_ workflow: StoredWorkflow, input: JSONValue) async throws -> ExecutionID? {
        let hash = SHA256Digest(of: input.canonicalJSON)
        return try await database.read { tx in
            try ExecutionStore.findUnfinished(of: workflow, inputHash: hash, tx)
        }
    }

    /// Ends an execution: at once when nobody runs it, else whoever runs it is asked to, and stops its running call.
    ///
    /// Where it has done something that has to be undone, it ends after that: an engine runs its compensations, this one or
    /// whichever claims it next. Another cancellation meanwhile is accepted and changes nothing.
    /// - Throws: `workflow.execution_ended`, `workflow.execution_not_found`.
    package func cancel(_ id: ExecutionID, as principal: Principal) async throws {
        let now = clock.now
        let node: UUIDv7 = ids.next()
        let (ids, interest) = (ids, lifecycle)
        guard
            let key = try await database.read({ tx in
                try ExecutionStore.workflowKey(of: id, in: principal.workspace, tx)
            })
        else { throw WorkflowError.notFound(id) }
        let definition = try await readableDefinition(key)
        let hasEnded = try await database.write { tx in
            guard try ExecutionStore.requestCancellation(of: id, as: principal, now: now, tx) else {
                throw WorkflowError(.executionEnded, "execution \(id) has ended already")
            }
            guard let claim = try ExecutionStore.claim(id, by: node, tx) else { return false }
            guard var machine = try Self.readableMachine(of: claim, definition, now: now, tx) else {
                // Set aside because it cannot be read; it can be ended all the same.
                try ExecutionStore.end(claim, by: principal.actor, ids: ids, now: now, tx)
                return true
            }
            machine.cancel(by: principal.actor, now: now)
            // What has to be undone needs an engine: it is left to the next one, for which it is due at once.
            try ExecutionWrite(
                machine.takeTransition(), key: claim.key, id: id, workspace: claim.workspace, owner: node,
                epoch: claim.epoch, releases: !machine.hasEnded, origin: claim.origin, interest: interest,
                ids: ids, now: now
            ).run(in: tx)
            return machine.hasEnded
        }
        if hasEnded { ends.announce(id) }
    }

    /// Waits until an execution has ended, whichever process runs it.
    ///
    /// - Parameter orParked: Returns as well when only a person can make it go on; see ``Execution/isParked``.
    package func waitForEnd(
        of id: ExecutionID, in workspace: WorkspaceID, orParked: Bool = false
    ) async throws -> Execution {
        var looks = 0
        while true {
            try Task.checkCancellation()
            let ticket = ends.ticket(for: id)
            defer { ends.drop(ticket) }
            let ended = try await database.read { tx -> Execution? in
                guard let (status, reason) = try ExecutionStore.status(of: id, in: workspace, tx) else {
                    throw WorkflowError.notFound(id)
                }
                guard status.hasEnded || orParked && (status == .suspended || reason?.needsPerson == true) else {
                    return nil
                }
                return try ExecutionStore.execution(id, in: workspace, tasksMax: Self.tasksShownMax, tx)
            }
            if let ended { return ended }
            // Of one that ends here it is told at once; for one elsewhere it is asked ever more seldom.
            looks += 1
            await ends.wait(ticket, atMost: .seconds(min(max(1, looks / 8), 5)))
        }
    }

    // MARK: Parts

    /// The version of a workflow, compiled.
    /// - Parameter version: A semantic version, or `latest`.
    private func find(
        _ id: WorkflowID, version: String, in workspace: WorkspaceID
    ) async throws -> (StoredWorkflow, WorkflowDefinition) {
        if version != Self.latest, let found = definitions.find(id, version: version, in: workspace) { return found }
        let stored = try await database.read { tx in try Self.find(id, version: version, in: workspace, tx) }
        return (stored, try await definition(stored.key, stored))
    }

    static func find(
        _ id: WorkflowID, version: String, in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> StoredWorkflow {
        let stored =
            version == latest
            ? try WorkflowStore.latest(of: id, in: workspace, tx)
            : try WorkflowStore.find(id, version: version, in: workspace, tx)
        guard let stored else { throw WorkflowError.notFound(id, version) }
        return stored
    }

    /// A stored definition; `nil` when no later reading will give one either.
    private func readableDefinition(_ key: Int64) async throws -> WorkflowDefinition? {
        do {
            return try await definition(key)
        } catch let error where error.mayPass {
            throw error
        } catch {
            return nil
        }
    }

    /// The machine of an execution that was just claimed; `nil` when no later reading will give one either.
    private static func readableMachine(
        of claim: ExecutionClaim, _ definition: WorkflowDefinition?, now: Timestamp, _ tx: borrowing Transaction
    ) throws -> ExecutionMachine? {
        guard let definition else { return nil }
        do {
            guard var stored = try ExecutionStore.stored(claim, of: definition, now: now, tx) else { return nil }
            // Whoever runs it reads its mail; nothing that this asked for would be done.
            stored.mail = []
            return try ExecutionMachine(restoring: stored, of: definition, now: now)
        } catch let error where error.mayPass || error.isOfDatabase {
            throw error
        } catch {
            return nil
        }
    }

    /// A stored definition, read again when it is not in memory.
    func definition(_ key: Int64, _ stored: StoredWorkflow? = nil) async throws -> WorkflowDefinition {
        if let definition = definitions.find(key) { return definition }
        guard let definition = try await storedDefinition(key) else {
            throw WorkflowError(.workflowNotFound, "the definition of the execution is gone")
        }
        definitions.keep(definition, key: key, stored)
        return definition
    }
}

extension Error {
    /// The same read may succeed another time.
    fileprivate var mayPass: Bool { self is CancellationError || (self as? StorageError)?.isTransient == true }

    /// A statement has failed, and with it the transaction; other than a value that is not what it should be.
    fileprivate var isOfDatabase: Bool { (self as? StorageError).map { $0.code != .unexpectedValue } ?? false }
}

extension WorkflowError {
    static func notFound(_ id: ExecutionID) -> WorkflowError {
        WorkflowError(.executionNotFound, "there is no execution \(id)")
    }

    static func notFound(_ id: WorkflowID, _ version: String? = nil) -> WorkflowError {
        WorkflowError(
            .workflowNotFound, "there is no workflow \(id)" + (version.map { " of version \($0)" } ?? ""))
    }
}
