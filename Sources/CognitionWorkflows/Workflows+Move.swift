package import CognitionCore
import CognitionEvents
import CognitionStorage

/// Executions that go on with another version of their workflow.
extension Workflows {
    /// Lets an execution that waits or is suspended go on with another version.
    ///
    /// Every task that it has entered has to be in that version, unchanged and at the same place; so have `input` and `use`.
    /// Of a container that has not ended the tasks inside are compared one by one, so that its list may have others later.
    /// To the version that it has already it is moved without effect.
    /// - Parameter version: A stored version, or `latest`.
    /// - Returns: The version it has now.
    /// - Throws: `workflow.execution_not_found`, `workflow.not_found`, `workflow.archived`, `workflow.execution_ended`;
    ///   `workflow.state_conflict` when it runs, undoes what it has done, or is in the memory of a node;
    ///   `workflow.versions_differ` with the first differences.
    package func move(
        _ id: ExecutionID, to version: String, as principal: Principal
    ) async throws -> StoredWorkflow {
        let workspace = principal.workspace
        let (from, target) = try await database.read { tx in
            guard let from = try ExecutionStore.workflowKey(of: id, in: workspace, tx),
                let (_, summary) = try ExecutionStore.summary(of: id, in: workspace, tx)
            else { throw WorkflowError.notFound(id) }
            let target = try Self.find(summary.workflow, version: version, in: workspace, tx)
            return (from, target)
        }
        guard from != target.key else { return target }
        let (old, new) = (try await definition(from), try await definition(target.key, target))
        let context = EventContext(principal, time: clock.now, ids: ids)
        try await database.write { tx in
            let execution = try MoveStore.hold(id, in: workspace, tx)
            guard execution.workflowKey == from else {
                throw WorkflowError(.stateConflict, "execution \(id) has just been moved to another version")
            }
            try execution.checkCanMove()
            let entered = try MoveStore.entered(execution.key, tx)
            let differences = VersionComparison(old: old, new: new).differences(entered)
            guard differences.isEmpty else {
                throw WorkflowError(
                    .versionsDiffer,
                    """
                    execution \(id) cannot go on with version \(target.version): \
                    \(differences.prefix(VersionComparison.differencesMax).joined(separator: "; "))
                    """)
            }
            try MoveStore.move(execution.key, to: target, tx)
            let event = WorkflowEvent.moved(
                id, target.id, from: execution.version, to: target.version, execution.status,
                progress: execution.progress)
            try tx.append([event], to: WorkflowEvent.stream(of: id), context: context)
        }
        return target
    }
}

/// What of a definition an execution rests on that has been in some of its tasks.
struct VersionComparison {
    static let differencesMax = 20

    let old: WorkflowDefinition
    let new: WorkflowDefinition

    /// - Parameter entered: References of the tasks that have begun, and whether any of them has not ended.
    /// - Returns: Sentences, in the order of the references.
    func differences(_ entered: [(reference: String, isLive: Bool)]) -> [String] {
        var found: [String] = []
        for member in ["input", "use"] where old.document[member] != new.document[member] {
            found.append("/\(member) is another")
        }
        let (before, after) = (old.places, new.places)
        for (reference, isLive) in entered {
            guard let one = before[reference]?.task else {
                found.append("\(reference) is in none of its versions")
                continue
            }
            guard let other = after[reference]?.task else {
                found.append("\(reference) is not in it")
                continue
            }
            let (a, b) = isLive ? (one.ownJSON, other.ownJSON) : (one.json, other.json)
            if a != b { found.append("\(reference) is another\(Self.members(a, b))") }
        }
        return found
    }

    /// In which members two tasks differ.
    private static func members(_ one: JSONValue, _ other: JSONValue) -> String {
        guard case .object(let one) = one, case .object(let other) = other else { return "" }
        let names = Set(one.keys).union(other.keys).filter { one[$0] != other[$0] }.sorted()
        return names.isEmpty ? "" : ", in \(names.joined(separator: ", "))"
    }
}

extension TaskDefinition {
    /// The task as it was written, without the lists in it whose tasks are compared on their own.
    fileprivate var ownJSON: JSONValue {
        guard case .object(var members) = json else { return json }
        func empty(_ name: String, in part: String) {
            guard case .object(var inner)? = members[part], inner[name] != nil else { return }
            inner[name] = []
            members[part] = .object(inner)
        }
        switch kind {
        case .do, .for: members["do"] = []
        case .try:
            members["try"] = []
            empty("do", in: "catch")
        case .listen: empty("do", in: "foreach")
        default: break
        }
        return .object(members)
    }
}
