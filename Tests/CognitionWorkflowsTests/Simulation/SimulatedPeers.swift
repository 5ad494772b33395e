import CognitionCore
import CognitionWorkflows

/// The outside as it truly is: which effects have happened, whatever their execution knows of it.
///
/// Peers of repeatable effects know a repetition by its idempotency key, do nothing then, and answer as before.
struct SimulatedPeers {
    private(set) var running: [EffectRequest] = []
    /// What each effect has given that has happened.
    private(set) var happened: [String: JSONValue] = [:]
    /// Effects that were asked for in a commit; the others have not happened.
    private(set) var requested: [String: EffectRequest] = [:]
    /// Tasks of class `once` that have been begun and must not be begun again.
    private var begun: Set<Int> = []
    private var count: Int64 = 0

    /// What makes two requests one effect: to a peer of a `once` effect each task is another.
    static func name(of effect: EffectRequest) -> String {
        effect.effect == .once ? "task \(effect.task)" : "\(effect.idempotencyKey) \(effect.reference)"
    }

    /// A commit asks for an effect, whether or not its process lives to begin it.
    mutating func note(_ effect: EffectRequest) { requested[Self.name(of: effect)] = effect }

    mutating func begin(_ effect: EffectRequest, row: TaskExecution?) throws {
        guard let row, row.endedAt == nil, row.status == .running, row.attempt == effect.attempt else {
            throw Violation("the effect of task \(effect.task) is begun, and its row says otherwise")
        }
        guard !running.contains(where: { $0.task == effect.task }) else {
            throw Violation("the effect of task \(effect.task) runs twice at once")
        }
        if effect.effect == .once, !begun.insert(effect.task).inserted {
            throw Violation("the effect of task \(effect.task), of class once, is begun twice")
        }
        running.append(effect)
    }

    /// Somebody has said that it may be done again.
    mutating func allowAgain(_ task: Int) { begun.remove(task) }

    mutating func happens(_ effect: EffectRequest) -> JSONValue {
        let name = Self.name(of: effect)
        if let output = happened[name] { return output }
        count += 1
        happened[name] = ["given": .integer(count)]
        return ["given": .integer(count)]
    }

    func hasHappened(_ effect: EffectRequest) -> Bool { happened[Self.name(of: effect)] != nil }

    /// The result of an effect; `nil` when it does not come yet.
    mutating func answer(
        at index: Int, isCalm: Bool, using random: inout SplitMix64
    ) -> (effect: EffectRequest, result: Result<JSONValue, WorkflowFault>)? {
        let effect = running[index]
        let die = Int.random(in: 0..<100, using: &random)
        if !isCalm, die >= 92 { return nil }
        running.remove(at: index)
        switch die {
        case ..<60: return (effect, .success(happens(effect)))
        case ..<70: return (effect, open(effect, WorkflowFault(.communication, "broken", status: 503), &random))
        case ..<78: return (effect, open(effect, WorkflowFault(.timeout, "late"), &random))
        default:
            // A peer that has done it says so again.
            if hasHappened(effect) { return (effect, .success(happens(effect))) }
            return (effect, .failure(WorkflowFault(.communication, "refused", status: 409)))
        }
    }

    /// A failure that leaves open whether it happened.
    private mutating func open(
        _ effect: EffectRequest, _ fault: WorkflowFault, _ random: inout SplitMix64
    ) -> Result<JSONValue, WorkflowFault> {
        if Bool.random(using: &random) { _ = happens(effect) }
        return .failure(fault)
    }

    /// Cuts effects off; some have happened by then.
    mutating func stop(using random: inout SplitMix64, where condition: (EffectRequest) -> Bool = { _ in true }) {
        for effect in running where condition(effect) {
            if Bool.random(using: &random) { _ = happens(effect) }
        }
        running.removeAll(where: condition)
    }
}
