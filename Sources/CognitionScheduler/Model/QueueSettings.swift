package import CognitionCore

/// How a queue treats its jobs.
package struct QueueSettings: Sendable, Hashable {
    /// Jobs that run at once, on all nodes together; `nil` for what the server's settings say.
    package var concurrency: Int?
    package var rate: JobRate?
    package var retry: JobRetry
    /// How long one attempt may take; `nil` for what the server's settings say.
    package var timeout: Duration?
    package var keepCompleted: Duration
    /// Of those that have failed, are dead, or were cancelled.
    package var keepFailed: Duration

    package init(
        concurrency: Int? = nil, rate: JobRate? = nil, retry: JobRetry = JobRetry(), timeout: Duration? = nil,
        keepCompleted: Duration = .seconds(3_600), keepFailed: Duration = .seconds(86_400)
    ) {
        self.concurrency = concurrency
        self.rate = rate
        self.retry = retry
        self.timeout = timeout
        self.keepCompleted = keepCompleted
        self.keepFailed = keepFailed
    }

    /// The queue of jobs that name none.
    package static let defaultQueue = "default"
    /// Queues that every workspace has, by their attempts.
    package static let builtIn: KeyValuePairs<String, Int> = [
        defaultQueue: 5, "alert": 3, "analytics": 3, "prediction": 2, "notification": 5, "maintenance": 3,
    ]

    /// The queue of workflows that start by themselves: their jobs wait for executions, which the engine bounds.
    package static let workflowQueue = "workflows"

    /// What a queue has before anybody changes it.
    package static func usual(of queue: String) -> QueueSettings {
        QueueSettings(
            concurrency: queue == workflowQueue ? 10_000 : nil,
            retry: JobRetry(attempts: builtIn.first { $0.key == queue }?.value ?? JobRetry().attempts))
    }

    // MARK: On the wire

    static let members = [
        "concurrency", "rate", "retry", "timeout_seconds", "keep_completed_seconds", "keep_failed_seconds",
    ]

    /// Changes what `json` names; null takes a bound away.
    /// - Throws: `scheduler.job_invalid`.
    package func changed(by json: JSONValue) throws -> QueueSettings {
        let fields = try JobFields(json, "queue", Self.members)
        var changed = self
        func names(_ member: String) -> Bool { json[member] != nil }
        if names("concurrency") { changed.concurrency = try fields.integer("concurrency", in: 1...10_000) }
        if names("rate") { changed.rate = try fields["rate"].map { try JobRate($0, "queue.rate") } }
        if let retry = fields["retry"] { changed.retry = try JobRetry(retry, usual: self.retry) }
        if names("timeout_seconds") { changed.timeout = try fields.seconds("timeout_seconds", in: 0.001...2_592_000) }
        let keeping = 0.0...31_536_000
        if let kept = try fields.seconds("keep_completed_seconds", in: keeping) { changed.keepCompleted = kept }
        if let kept = try fields.seconds("keep_failed_seconds", in: keeping) { changed.keepFailed = kept }
        return changed
    }

    package var json: JSONValue {
        [
            "concurrency": concurrency.map { .integer(Int64($0)) } ?? .null, "rate": rate?.json ?? .null,
            "retry": retry.json, "timeout_seconds": timeout.map { JSONValue($0.seconds) } ?? .null,
            "keep_completed_seconds": JSONValue(keepCompleted.seconds),
            "keep_failed_seconds": JSONValue(keepFailed.seconds),
        ]
    }
}
