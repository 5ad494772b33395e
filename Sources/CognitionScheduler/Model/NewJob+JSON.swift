package import CognitionCore

extension NewJob {
    private static let members =
        [
            "id", "ref", "name", "schedule", "target", "queue", "priority", "retry", "run_at", "delay_seconds",
            "unique",
            "unique_key", "depends_on", "tags",
        ] + JobOptions.members
    private static let delays = 0.0...315_360_000
    package static let inputBytesMax = 256 << 10
    package static let dependenciesMax = 1_000
    private static let tagsMax = 20

    /// Reads the body of `POST jobs`, or one of the jobs of `POST queues/{name}/jobs`.
    /// - Parameter queue: The one it goes to; `nil`: as it says.
    /// - Throws: `scheduler.job_invalid`, `scheduler.schedule_invalid`.
    package init(_ json: JSONValue, queue: String? = nil) throws {
        let fields = try JobFields(json, "", Self.members)
        guard let target = fields["target"] else {
            throw SchedulerError(.jobInvalid, "a job needs 'target', what it runs")
        }
        let named = try fields.name("queue")
        if let queue, let named, queue != named {
            throw SchedulerError(.jobInvalid, "'queue' is another than the one that the job is sent to")
        }
        self.init(
            target: try JobTarget(target), id: try fields.name("id"),
            queue: queue ?? named ?? QueueSettings.defaultQueue, priority: try fields.priority("priority") ?? .normal,
            options: try JobOptions(fields))
        reference = try fields.text("ref")
        name = try fields.text("name", bytesMax: 200)
        schedule = try fields["schedule"].map { try JobSchedule($0) }
        retry = fields["retry"]
        if let retry { _ = try JobRetry(retry, usual: JobRetry()) }
        delay = try fields.seconds("delay_seconds", in: Self.delays)
        runAt = try Self.moment(fields)
        unique = try Self.unique(fields)
        dependencies = try Self.dependencies(fields)
        tags = try Self.tags(fields)
        try check()
    }

    private func check() throws {
        if schedule != nil, delay != nil || runAt != nil || unique != nil {
            throw SchedulerError(
                .jobInvalid,
                "a job with 'schedule' takes no 'run_at', 'delay_seconds' or 'unique': its firings are unique")
        }
        if schedule?.isRecurring == true, !dependencies.isEmpty {
            throw SchedulerError(.jobInvalid, "a job that comes again and again depends on no other")
        }
        guard target.input.jsonText.utf8.count <= Self.inputBytesMax else {
            throw SchedulerError(.jobInvalid, "'target' has more than \(Self.inputBytesMax) bytes")
        }
    }

    private static func moment(_ fields: JobFields) throws -> Timestamp? {
        guard let text = try fields.text("run_at") else { return nil }
        guard let moment = Timestamp(text) else {
            throw SchedulerError(.jobInvalid, "'run_at' is a time as RFC 3339 has it, such as 2026-01-31T12:00:00Z")
        }
        return moment
    }

    private static func unique(_ fields: JobFields) throws -> UniqueKey? {
        if let key = try fields.text("unique_key") { return UniqueKey(key: key) }
        guard let given = fields["unique"] else { return nil }
        if let key = given.stringValue, (1...255).contains(key.utf8.count) { return UniqueKey(key: key) }
        let unique = try JobFields(given, "unique", ["key", "states", "window_seconds"])
        guard let key = try unique.text("key") else { throw SchedulerError(.jobInvalid, "'unique' needs 'key'") }
        var states: Set<JobState>?
        if let list = unique["states"] {
            guard let names = list.arrayValue, !names.isEmpty,
                names.allSatisfy({ JobState.named($0.stringValue ?? "").isEmpty == false })
            else {
                let names = Set(JobState.allCases.map(\.name)).sorted()
                throw SchedulerError(.jobInvalid, "'unique.states' is a list of \(names.joined(separator: ", "))")
            }
            states = Set(names.flatMap { JobState.named($0.stringValue ?? "") })
        }
        return UniqueKey(key: key, states: states, window: try unique.seconds("window_seconds", in: 0.001...31_536_000))
    }

    private static func dependencies(_ fields: JobFields) throws -> [Dependency] {
        guard let given = fields["depends_on"] else { return [] }
        guard let list = given.arrayValue, list.count <= dependenciesMax else {
            throw SchedulerError(.jobInvalid, "'depends_on' is a list of at most \(dependenciesMax) jobs")
        }
        var seen: Set<String> = []
        return try list.map { item in
            let dependency: Dependency
            if let id = item.stringValue {
                dependency = Dependency(job: id)
            } else {
                let one = try JobFields(item, "depends_on", ["job", "on"])
                guard let job = try one.text("job") else {
                    throw SchedulerError(.jobInvalid, "each of 'depends_on' needs 'job', the id of another")
                }
                dependency = Dependency(job: job, on: try one.choice("on") ?? .success)
            }
            guard seen.insert(dependency.job).inserted else {
                throw SchedulerError(.jobInvalid, "'depends_on' names \(dependency.job) twice")
            }
            return dependency
        }
    }

    private static func tags(_ fields: JobFields) throws -> [String: String] {
        guard let given = fields["tags"] else { return [:] }
        guard let object = given.objectValue, object.count <= tagsMax else {
            throw SchedulerError(.jobInvalid, "'tags' is an object of at most \(tagsMax) texts")
        }
        var tags: [String: String] = [:]
        for (name, value) in object {
            guard (1...63).contains(name.utf8.count), !name.utf8.contains(0), let text = value.stringValue,
                text.utf8.count <= 255, !text.utf8.contains(0)
            else {
                throw SchedulerError(
                    .jobInvalid, "a tag has a name of 1 to 63 bytes, and a text of at most 255 bytes as its value")
            }
            tags[name] = text
        }
        return tags
    }
}
