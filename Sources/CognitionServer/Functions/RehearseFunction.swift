import CognitionCore
import CognitionDocuments
import CognitionWorkflows
import Synchronization

/// `call: rehearse`: stands for a remote service that is slow, and fails at first.
///
/// `{pause, fails}`: waits for the duration `pause` (ISO 8601), and faults with 503 the first `fails` times that a place of
/// the document is called in an execution of this process; then gives null.
struct RehearseFunction: TaskFunction {
    private struct Place: Hashable {
        let execution: ExecutionID
        let key: String
    }

    /// Places whose failures are remembered; beyond it the oldest are forgotten with all others.
    private static let placesMax = 10_000

    let name = "rehearse"
    let signature: FunctionSignature
    private let failures = Failures()

    private final class Failures: Sendable {
        let counts = Mutex<[Place: Int]>([:])
    }

    init() throws {
        signature = try FunctionSignature(
            effect: .idempotent,
            arguments: [
                "type": "object",
                "properties": [
                    "pause": ["type": "string"],
                    "key": [:],
                    "fails": ["type": "integer", "minimum": 0, "maximum": 100],
                ],
            ])
    }

    func call(_ invocation: TaskInvocation) async throws -> TaskOutcome {
        if let pause = invocation.arguments["pause"]?.stringValue {
            try await Task.sleep(for: Duration(iso8601: pause))
        }
        let fails = Int(invocation.arguments["fails"]?.integerValue ?? 0)
        let place = Place(execution: invocation.execution, key: invocation.arguments.jsonText)
        let count = failures.counts.withLock { counts in
            if counts.count >= Self.placesMax { counts = [:] }
            counts[place, default: 0] += 1
            return counts[place, default: 1]
        }
        guard count > fails else {
            throw WorkflowFault(
                .communication, "rehearsed failure \(count) of \(fails)", status: 503, title: "Service Unavailable")
        }
        return TaskOutcome(output: .null)
    }
}
