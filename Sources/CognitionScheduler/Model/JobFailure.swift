package import CognitionCore
package import CognitionStorage

/// Why an attempt at a job has not come to its end.
package struct JobFailure: Error, Sendable, Hashable {
    /// A stable code, such as `http.client.timeout`, that rules of a retry name.
    package let code: String
    /// For people.
    package let message: String
    /// How long the other side asks to be left alone.
    package let retryAfter: Duration?
    /// Another attempt would fail in the same way.
    package let isFinal: Bool

    package init(_ code: String, _ message: String, retryAfter: Duration? = nil, isFinal: Bool = false) {
        self.code = code
        self.message = String(message.prefix(Self.messageMax))
        self.retryAfter = retryAfter
        self.isFinal = isFinal
    }

    /// What a handler has thrown.
    init(_ error: any Error) {
        switch error {
        case let failure as JobFailure: self = failure
        case let error as any CodedError: self.init(error.code.name, error.message)
        default: self.init("scheduler.handler_failed", "\(error)")
        }
    }

    private static let messageMax = 2_000

    static let timeout = JobFailure("scheduler.timeout", "the attempt took longer than it may")
    static let dependency = JobFailure(
        "scheduler.dependency_failed", "a job that it depends on has not ended as it needs")
    static let quarantined = JobFailure(
        "scheduler.quarantined", "processes have ended twice while it ran; it is not tried again by itself")
    static let lost = JobFailure("scheduler.process_lost", "the process that ran it has ended")

    package var json: JSONValue { ["code": .string(code), "message": .string(message)] }
}

/// What a handler has made of a job.
package enum JobOutcome: Sendable {
    /// - Parameters:
    ///   - result: Kept with the job, at most 256 KiB.
    ///   - writes: What belongs to it; commits with its end.
    case completed(JSONValue, writes: [@Sendable (borrowing Transaction) throws -> Void] = [])
    /// It is run again after a while; this attempt does not count.
    case snoozed(Duration)
    /// It has no purpose any more.
    case discarded(reason: String)
}
