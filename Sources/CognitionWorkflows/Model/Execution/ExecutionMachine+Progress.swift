import CognitionCore

extension ExecutionMachine {
    /// How many tasks side by side are looked into; of more, only those that have ended count.
    private static let besideMax = 1_000

    /// Tells how much of the document's list is behind, in whole percent. A jump back does not lower it.
    mutating func updateProgress() {
        guard !hasEnded, state.ending == nil else { return }
        state.progress = max(state.progress, min(99, Int(fraction(of: 0) * 100)))
    }

    /// The part 0...1 of a live task that is done.
    private func fraction(of number: Int) -> Double {
        guard let task = tasks[number] else { return 0 }
        switch task.definition.kind {
        case .for(let loop):
            guard let progress = task.progress.loop, !progress.items.isEmpty else { return 0 }
            let behind = loop.concurrency == nil ? max(0, progress.next - 1) : progress.outputs.count
            let inside = inside(task) { listFraction(of: $0, count: loop.body.tasks.count) }
            return min(1, (Double(behind) + inside) / Double(progress.items.count))
        case .fork(let fork):
            let behind = task.progress.branches?.outputs.count ?? 0
            let inside = inside(task) { fraction(of: $0) }
            return (Double(behind) + inside) / Double(max(1, fork.branches.count))
        case .listen: return 0
        case .extended:
            guard let child = task.children.last.flatMap({ tasks[$0] }) else { return 0 }
            return switch child.scope {
            case ExtendedTask.beforeScope: 0
            case ExtendedTask.taskScope: fraction(of: child.number)
            default: 1
            }
        default:
            guard let child = task.children.last.flatMap({ tasks[$0] }) else { return 0 }
            return listFraction(of: child.number, count: task.definition.list(in: child.scope)?.tasks.count ?? 1)
        }
    }

    /// What tasks side by side have done so far, 1 for each that is done.
    private func inside(_ task: LiveTask, _ fraction: (Int) -> Double) -> Double {
        guard task.children.count <= Self.besideMax else { return 0 }
        return task.children.reduce(0) { $0 + fraction($1) }
    }

    /// The part of a list that is done when `child` is its live task.
    private func listFraction(of child: Int, count: Int) -> Double {
        guard let task = tasks[child], count > 0 else { return 0 }
        return (Double(min(task.place, count)) + fraction(of: child)) / Double(count)
    }
}
