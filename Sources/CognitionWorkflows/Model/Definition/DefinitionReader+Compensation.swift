import CognitionCore

extension DefinitionReader {
    /// Kinds of tasks that leave nothing behind which could be undone.
    private static let kindsWithoutTrace = ["set", "switch", "raise", "wait", "listen"]

    /// `metadata.compensate`: the tasks that undo what a task has done.
    ///
    /// They run after the end of everything else, so they see none of the variables around the task: no loop's item, no
    /// caught error, no branch's output; `$compensated` tells what they undo.
    func compensation(_ fields: Fields, of name: String, kind: String, _ scope: TaskScope) -> TaskDefinition? {
        guard let node = fields["metadata"].flatMap({ map($0, of: "'metadata'") })?["compensate"] else { return nil }
        if Self.kindsWithoutTrace.contains(kind) {
            report("'compensate' undoes what a task has done outside; a '\(kind)' task does nothing there", at: node)
            return nil
        }
        if scope.isCompensation {
            report("a task of a compensation cannot be compensated itself; undo it in the same list", at: node)
            return nil
        }
        if case .array(let tasks) = node.value, tasks.isEmpty {
            report("'compensate' must have at least one task", at: node)
        }
        var inner = TaskScope(
            variables: DefinitionVariables.always + [DefinitionVariables.compensated], depth: scope.depth + 1)
        inner.isCompensation = true
        return TaskDefinition(
            name: "compensate \(name)", reference: node.place.pointer.description, json: node.value, condition: nil,
            input: .asIs, output: .asIs, export: nil, timeout: nil, then: .continue, metadata: JSONObject(),
            kind: .do(taskList(node, "compensate", inner)))
    }
}

extension TaskDefinition {
    /// Whether beginning it a second time, as a `try` does, is another effect that has to be undone as well, and not the
    /// same one again.
    var isDoneAnewByRetry: Bool {
        switch kind {
        case .do(let list): list.isDoneAnewByRetry
        case .for(let loop): loop.body.isDoneAnewByRetry
        case .fork(let fork): fork.branches.contains { $0.task.isDoneAnewByRetry }
        case .try(let attempt): attempt.body.isDoneAnewByRetry || attempt.handler?.isDoneAnewByRetry == true
        case .call(let call):
            if case .defined(let function, _) = call.target { function.isDoneAnewByRetry } else { call.effect == .once }
        case .listen(let listen): listen.iterator?.body.isDoneAnewByRetry == true
        case .extended(let extended): extended.task.isDoneAnewByRetry
        case .runWorkflow: true
        default: kind.effect == .once
        }
    }
}

extension TaskList {
    /// Where a list jumps back, visits of a task cannot be told from attempts.
    fileprivate var isDoneAnewByRetry: Bool { jumpsBack || tasks.contains(where: \.isDoneAnewByRetry) }
}
