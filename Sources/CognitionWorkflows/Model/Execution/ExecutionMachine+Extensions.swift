import CognitionCore
import CognitionExpressions

/// Tasks with extensions: the tasks before, the task itself from the same input, the tasks after with its output.
///
/// What the tasks before and after give does not count, with one exception: `then: exit` in the list before ends the
/// extended task with the output of the task that says so.
extension ExecutionMachine {
    mutating func beginExtended(_ number: Int, _ extended: ExtendedTask, now: Timestamp) throws {
        guard let task = tasks[number] else { return }
        var applies = true
        do {
            applies = try extended.when?.isTrue(task.rawInput, scope: scope(of: task, stage: .condition)) ?? true
        } catch {
            throw WorkflowFault(error).raised(at: extended.reference)
        }
        update(number) { $0.progress = .extending(.init(applies: applies)) }
        if applies, !extended.before.tasks.isEmpty {
            start(extended.before, scope: ExtendedTask.beforeScope, of: number, now: now)
        } else {
            startSubject(number, extended, now: now)
        }
    }

    private mutating func startSubject(_ number: Int, _ extended: ExtendedTask, now: Timestamp) {
        guard let task = tasks[number] else { return }
        place(
            extended.task, at: 0, in: ExtendedTask.taskScope, of: number, input: task.input, from: .parent, now: now)
    }

    /// One of the parts has come to its end.
    ///
    /// - Parameter directive: Where the task itself wants to go; followed once the tasks after it have ended.
    mutating func endPart(
        of number: Int, _ extended: ExtendedTask, _ scope: Int, output: JSONValue, from source: InputSource,
        directive: FlowDirective, now: Timestamp
    ) {
        guard let progress = tasks[number]?.progress.extending else { return }
        switch scope {
        case ExtendedTask.beforeScope:
            startSubject(number, extended, now: now)
        case ExtendedTask.taskScope where progress.applies && extended.after != nil:
            update(number) { $0.progress = .extending(.init(applies: true, directive: directive)) }
            if let after = extended.after {
                place(after, at: 0, in: ExtendedTask.afterScope, of: number, input: output, from: source, now: now)
            }
        case ExtendedTask.taskScope:
            complete(number, output: output, directive: directive, now: now)
        default:
            complete(number, output: output, directive: progress.directive, now: now)
        }
    }
}

extension TaskProgress {
    /// What a task with an extension remembers.
    struct Extending: Sendable {
        /// What `when` gave.
        var applies: Bool
        /// Where the task itself wants to go, while the tasks after it run.
        var directive: FlowDirective?
    }

    var extending: Extending? { if case .extending(let extending) = self { extending } else { nil } }
}

extension TaskProgress.Extending {
    var json: JSONValue {
        var members: JSONObject = ["applies": .bool(applies)]
        switch directive {
        case nil: break
        case .continue: members["then"] = "continue"
        case .exit: members["then"] = "exit"
        case .end: members["then"] = "end"
        case .task(let place): members["then"] = .integer(Int64(place))
        }
        return .object(members)
    }

    /// Reads what ``json`` wrote; `nil` for anything else.
    init?(json: JSONValue?) {
        guard let applies = json?["applies"]?.boolValue else { return nil }
        self.init(applies: applies)
        guard let then = json?["then"] else { return }
        switch then.stringValue {
        case "continue": directive = .continue
        case "exit": directive = .exit
        case "end": directive = .end
        default:
            guard let place = then.integerValue else { return nil }
            directive = .task(Int(place))
        }
    }
}
