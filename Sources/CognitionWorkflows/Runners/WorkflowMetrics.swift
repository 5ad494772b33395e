import CognitionCore
import Metrics

/// What the engine counts: `workflow.execution.ended` by status, `workflow.execution.expired`, `workflow.compensation.ended` by outcome, and
/// `workflow.task.duration` in seconds by kind and outcome.
struct WorkflowMetrics: Sendable {
    private let ended: [ExecutionStatus: Counter]
    private let expired = Counter(label: "workflow.execution.expired")
    private let compensations: [String: Counter]
    private let durations: [String: [Bool: Timer]]

    init() {
        ended = Dictionary(
            uniqueKeysWithValues: ExecutionStatus.allCases.filter(\.hasEnded).map { status in
                (status, Counter(label: "workflow.execution.ended", dimensions: [("status", status.name)]))
            })
        compensations = Dictionary(
            uniqueKeysWithValues: [("task.compensated", "ok"), ("task.compensation_failed", "fault")].map {
                type, outcome in
                (type, Counter(label: "workflow.compensation.ended", dimensions: [("outcome", outcome)]))
            })
        durations = Dictionary(
            uniqueKeysWithValues: EffectRequest.kinds.map { kind in
                (kind, [true: Self.timer(kind, "ok"), false: Self.timer(kind, "fault")])
            })
    }

    func countEnd(_ status: ExecutionStatus) { ended[status]?.increment() }

    func countExpired(_ count: Int) { expired.increment(by: count) }

    func countCompensations(_ events: [ExecutionEvent]) {
        for event in events { compensations[event.type]?.increment() }
    }

    func recordEffect(_ effect: EffectRequest, succeeded: Bool, took duration: Duration) {
        durations[effect.kind]?[succeeded]?.recordNanoseconds(
            duration.microseconds.multipliedReportingOverflow(by: 1_000).partialValue)
    }

    private static func timer(_ kind: String, _ outcome: String) -> Timer {
        Timer(label: "workflow.task.duration", dimensions: [("kind", kind), ("outcome", outcome)])
    }
}

extension EffectRequest {
    fileprivate static let kinds = ["http", "function", "mcp", "openapi", "process", "workflow"]

    var kind: String {
        switch action {
        case .http: "http"
        case .openapi: "openapi"
        case .withSecrets(let action): action.kind
        case .function: "function"
        case .mcp: "mcp"
        case .process: "process"
        case .workflow: "workflow"
        }
    }
}
