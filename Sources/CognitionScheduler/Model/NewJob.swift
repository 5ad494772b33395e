package import CognitionCore

/// A job, or a schedule that makes jobs, as somebody asks for it.
package struct NewJob: Sendable {
    /// Unique within the workspace; `nil`: one is made.
    package var id: String?
    /// How other jobs of the same call name it.
    package var reference: String?
    package var name: String?
    package var schedule: JobSchedule?
    package var target: JobTarget
    package var queue: String
    package var priority: JobPriority
    /// What differs from the queue's; checked.
    package var retry: JSONValue?
    /// The moment before which it does not run; `nil`: now.
    package var runAt: Timestamp?
    package var delay: Duration?
    package var unique: UniqueKey?
    package var dependencies: [Dependency]
    package var tags: [String: String]
    package var options: JobOptions

    package struct Dependency: Sendable, Hashable {
        /// The id of a job, or its reference in the same call.
        package let job: String
        package let condition: JobCondition

        package init(job: String, on condition: JobCondition = .success) {
            self.job = job
            self.condition = condition
        }
    }

    /// While a job with the key is in one of the states, there is no other with it in the queue.
    package struct UniqueKey: Sendable, Hashable {
        package let key: String
        package let states: Set<JobState>
        /// So long after it was made another may come; `nil`: only its state counts.
        package let window: Duration?

        package init(key: String, states: Set<JobState>? = nil, window: Duration? = nil) {
            self.key = key
            let unfinished = Set(JobState.allCases.filter { !$0.hasEnded })
            // A key that was free while its job still changes could be taken by another in between.
            self.states = unfinished.union(states ?? (window == nil ? [] : [.completed]))
            self.window = window
        }
    }

    package init(
        target: JobTarget, id: String? = nil, queue: String = QueueSettings.defaultQueue,
        priority: JobPriority = .normal, options: JobOptions = JobOptions()
    ) {
        self.id = id
        self.target = target
        self.queue = queue
        self.priority = priority
        self.options = options
        dependencies = []
        tags = [:]
    }
}

/// What most jobs leave as it is; stored only where it differs.
package struct JobOptions: Sendable, Hashable {
    /// How long one attempt may take; `nil`: as the queue says.
    package var timeout: Duration?
    package var limit: JobLimit?
    /// Whether a critical job may take its slot; `nil`: where its priority is background.
    package var isPreemptible: Bool?
    package var cascade: CascadePolicy
    /// Resolved with the queue's when the job is stored; `nil`: exactly the queue's.
    package var retry: JobRetry?
    /// When it was to come, of a job that comes once; shown only.
    package var schedule: JSONValue?

    package init(
        timeout: Duration? = nil, limit: JobLimit? = nil, isPreemptible: Bool? = nil, cascade: CascadePolicy = .cancel,
        retry: JobRetry? = nil
    ) {
        self.timeout = timeout
        self.limit = limit
        self.isPreemptible = isPreemptible
        self.cascade = cascade
        self.retry = retry
    }

    var isUsual: Bool { self == JobOptions() }

    var json: JSONObject {
        var json: JSONObject = [:]
        if let timeout { json["timeout_seconds"] = JSONValue(timeout.seconds) }
        if let limit { json["limit"] = limit.json }
        if let isPreemptible { json["preemptible"] = .bool(isPreemptible) }
        if cascade != .cancel { json["cascade"] = .string(cascade.rawValue) }
        if let retry { json["retry"] = retry.json }
        if let schedule { json["schedule"] = schedule }
        return json
    }

    /// As it was stored.
    init(stored text: String?) throws {
        guard let text else {
            self.init()
            return
        }
        let fields = try JobFields(JSONValue(parsing: text), "options", Self.members + ["retry", "schedule"])
        try self.init(fields)
        retry = try fields["retry"].map { try JobRetry($0, usual: JobRetry()) }
        schedule = fields["schedule"]
    }

    /// Ten years: as good as for ever.
    package static let timeoutSecondsMax = 315_360_000.0
    static let members = ["timeout_seconds", "limit", "preemptible", "cascade"]

    init(_ fields: JobFields) throws {
        self.init(
            timeout: try fields.seconds("timeout_seconds", in: 0.001...Self.timeoutSecondsMax),
            limit: try fields["limit"].map(JobLimit.init), isPreemptible: try fields.flag("preemptible"),
            cascade: try fields.choice("cascade") ?? .cancel)
    }
}
