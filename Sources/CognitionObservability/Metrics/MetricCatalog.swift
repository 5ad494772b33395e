/// All metrics that this program is known to have: what `# HELP`, names and buckets are made from, and the document.
package struct MetricCatalog: Sendable {
    private let entries: [String: MetricDescription]

    /// - Parameter metrics: Their names are different.
    package init(_ metrics: [MetricDescription]) {
        entries = Dictionary(uniqueKeysWithValues: metrics.map { ($0.name, $0) })
    }

    package subscript(name: String) -> MetricDescription? { entries[name] }

    package var sorted: [MetricDescription] { entries.values.sorted { $0.name < $1.name } }

    /// The table of `Docs/Metrics.md`.
    package var markdown: String {
        let rows = sorted.map { metric in
            let unit =
                switch metric.unit {
                case .seconds: "seconds"
                case .bytes: "bytes"
                case .items(let name): name
                }
            let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
            return "| `\(metric.exportedName)` | \(metric.kind.rawValue) | \(unit) | \(labels) | \(metric.help) |\n"
        }
        return "| metric | kind | unit | labels | what it tells |\n|---|---|---|---|---|\n" + rows.joined()
    }

    package static let standard = MetricCatalog([
        // Workflows
        MetricDescription(
            "workflow.execution.ended", .counter, .items("executions"), labels: ["status"],
            "Executions that ended, by the status they ended with"),
        MetricDescription(
            "workflow.execution.expired", .counter, .items("executions"),
            "Executions deleted because they had ended longer ago than their workflow keeps them"),
        MetricDescription(
            "workflow.compensation.ended", .counter, .items("compensations"), labels: ["outcome"],
            "Compensations of tasks that ended, by outcome (ok, fault)"),
        MetricDescription(
            "workflow.task.duration", .histogram, .seconds, labels: ["kind", "outcome"],
            buckets: MetricBuckets.longSeconds,
            "How long the effect of one attempt of a task ran, by kind (http, openapi, function, mcp, process, workflow) and outcome (ok, fault)"
        ),
        MetricDescription(
            "workflow.token.streams", .gauge, .items("texts"),
            "Texts that tasks of this node are writing just now, such as answers of language models"),
        MetricDescription(
            "workflow.token.dropped", .counter, .bytes,
            "Text that was let go of because it was too long or a watcher too slow; what tasks give is not touched"),

        // Scheduler
        MetricDescription(
            "scheduler.jobs", .counter, .items("attempts"), labels: ["queue", "kind"],
            "Attempts at jobs that have ended, by queue and kind of target"),
        MetricDescription(
            "scheduler.jobs.success", .counter, .items("attempts"), labels: ["queue", "kind"],
            exportedAs: "scheduler_jobs_success", "Attempts at jobs that have completed"),
        MetricDescription(
            "scheduler.jobs.failed", .counter, .items("attempts"), labels: ["queue", "kind"],
            exportedAs: "scheduler_jobs_failed",
            "Attempts at jobs that have failed, those included after which the job is tried again"),
        MetricDescription(
            "scheduler.jobs.dead", .counter, .items("jobs"), labels: ["queue", "kind"],
            "Jobs that were set aside as dead letters, those included that took the process down twice"),
        MetricDescription(
            "scheduler.execution.duration", .histogram, .seconds, labels: ["queue", "kind"],
            buckets: MetricBuckets.longSeconds, "How long attempts at jobs ran"),
        MetricDescription(
            "scheduler.wait.duration", .histogram, .seconds, labels: ["queue", "kind"],
            buckets: MetricBuckets.longSeconds, "From the moment that a job was due until it was started"),
        MetricDescription(
            "scheduler.schedules.parked", .counter, .items("schedules"),
            "Schedules that were paused because they could not be fired"),

        // Search
        MetricDescription(
            "search.queries", .counter, .items("searches"), labels: ["outcome"],
            "Searches, by outcome (found, empty: nothing was found, failed: refused or not answered)"),
        MetricDescription(
            "search.query.duration", .histogram, .seconds, buckets: MetricBuckets.briefSeconds,
            "From the question until the index has answered, without reading what documents hold"),
        MetricDescription(
            "search.documents", .counter, .items("documents"),
            "Documents written or removed, whatever they held before"),
        MetricDescription(
            "search.index.size", .gauge, .bytes, exportedAs: "search_index_size",
            "Indexes that are open on this node, in files and in memory"),
        MetricDescription(
            "search.index.documents", .gauge, .items("documents"), "Documents of the indexes that are open on this node"
        ),
        MetricDescription("search.index.open", .gauge, .items("indexes"), "Indexes that are open on this node"),
        MetricDescription(
            "search.index.rebuilding", .gauge, .items("indexes"),
            "Indexes that are being made on this node, for the first time or beside the one that answers"),

        // Bus
        MetricDescription(
            "bus.published", .counter, .items("messages"), labels: ["bus"],
            "Messages handed to a broker, those that were sent again included"),
        MetricDescription(
            "bus.confirmed", .counter, .items("messages"), labels: ["bus"],
            "Messages that a broker has taken into its care"),
        MetricDescription(
            "bus.publish.duration", .histogram, .seconds, labels: ["bus"],
            "One batch, from its first message to its last confirmation"),
        MetricDescription(
            "bus.lag", .gauge, .items("events"), labels: ["bus"],
            "Events of the log that the node that publishes has not looked through yet"),
        MetricDescription(
            "bus.consumed", .counter, .items("messages"), labels: ["bus", "outcome"],
            "Messages of other systems that were taken, by outcome (accepted, or repeated: it had its effect already)"),
        MetricDescription(
            "bus.dead_lettered", .counter, .items("messages"), labels: ["bus"],
            "Messages of other systems that could not be taken and were put aside"),

        // HTTP
        MetricDescription(
            "http.server.requests", .counter, .items("requests"), labels: ["method", "route", "status"],
            seriesMax: 2_000,
            "Requests answered, by route as it is declared"),
        MetricDescription(
            "http.server.duration", .histogram, .seconds, labels: ["method", "route"],
            "From the head of a request until its answer begins"),
        MetricDescription(
            "http.server.limited", .counter, .items("requests"), labels: ["subject"],
            "Requests refused because a limit was reached, by whose it was (principal, workspace, address)"),
        MetricDescription(
            "http.server.repetitions", .counter, .items("requests"), labels: ["outcome"],
            "Requests with an idempotency key: done and kept, answered as before (replayed), or refused"),
        MetricDescription(
            "http.client.requests", .counter, .items("requests"), labels: ["outcome"],
            "Calls to other servers, by class of status or by error"),
        MetricDescription(
            "http.client.duration", .histogram, .seconds, labels: ["outcome"], buckets: MetricBuckets.longSeconds,
            "How long calls to other servers took, redirects included"),

        // WebSocket
        MetricDescription(
            "websocket.connections", .gauge, .items("connections"), exportedAs: "websocket_connections_active",
            "Connections that are open"),
        MetricDescription(
            "websocket.connections.opened", .counter, .items("connections"), exportedAs: "websocket_connections_total",
            "Connections that were accepted"),
        MetricDescription(
            "websocket.connections.refused", .counter, .items("connections"), labels: ["reason"],
            "Connections that were refused, by reason"),
        MetricDescription(
            "websocket.subscriptions", .gauge, .items("subscriptions"), "Subscriptions of all open connections"),
        MetricDescription(
            "websocket.messages", .counter, .items("messages"), labels: ["direction"],
            "Messages received (in) and sent (out)"),
        MetricDescription(
            "websocket.bytes", .counter, .bytes, labels: ["direction"], "Bytes of messages received (in) and sent (out)"
        ),
        MetricDescription(
            "websocket.rooms", .gauge, .items("rooms"), exportedAs: "websocket_rooms_total",
            "Rooms that there are, of all workspaces and nodes"),
        MetricDescription(
            "websocket.rooms.published", .counter, .items("messages"), "Messages that were written into rooms"),
        MetricDescription(
            "websocket.slow", .counter, .items("occasions"), labels: ["outcome"],
            "Clients that did not keep up: held back (paused), caught up from the log (recovered) or closed"),
        MetricDescription(
            "websocket.connections.unrecorded", .counter, .items("connections"),
            "Openings and ends of connections that were not told, as there were too many or they could not be written"),
        MetricDescription(
            "websocket.throttled", .counter, .items("occasions"),
            "Times a client was not read from for a while, as it had sent more than it may"),
        MetricDescription(
            "websocket.delivery.lag", .histogram, .seconds,
            "From the time of an event until it was handed to the sockets"),

        // Language models
        MetricDescription(
            "llm.requests", .counter, .items("attempts"), labels: ["provider", "model", "outcome"],
            "Attempts to get an answer of a model, by outcome"),
        MetricDescription(
            "llm.tokens", .counter, .items("tokens"), labels: ["provider", "model", "kind"],
            "Tokens used; the kinds (input, cached, cache_write, output) add up to all of them"),
        MetricDescription(
            "llm.cost", .counter, .items("micro-dollars"), labels: ["provider", "model"],
            "Money spent by the price list, in millionths of a US dollar"),
        MetricDescription(
            "llm.unpriced", .counter, .items("attempts"), labels: ["provider", "model"],
            "Attempts at models that the price list does not have"),
        MetricDescription(
            "llm.retries", .counter, .items("attempts"), labels: ["provider", "model"],
            "Attempts after the first one at the same provider"),
        MetricDescription(
            "llm.fallbacks", .counter, .items("attempts"), labels: ["provider", "model"],
            "Requests that went on to another provider, by the one that was left"),
        MetricDescription(
            "llm.duration", .histogram, .seconds, labels: ["provider", "model", "outcome"],
            buckets: MetricBuckets.longSeconds, "How long one attempt took"),
        MetricDescription(
            "llm.time_to_first_token", .histogram, .seconds, labels: ["provider", "model"],
            buckets: MetricBuckets.longSeconds, "From the start of an attempt to the first word of its answer"),

        // Identity
        MetricDescription(
            "auth.logins", .counter, .items("attempts"), labels: ["outcome"], "Attempts to log in, by outcome"),
        MetricDescription(
            "auth.refreshes", .counter, .items("attempts"), labels: ["outcome"],
            "Refresh tokens presented, by outcome; reused ones may be stolen"),
        MetricDescription(
            "auth.api_key.uses", .counter, .items("requests"), labels: ["outcome"],
            "Requests with an API key, by outcome (ok, malformed, unknown, denied)"),
        MetricDescription(
            "auth.audit.archived", .counter, .items("entries"),
            "Entries of the audit trail that were moved into an archive"),
        MetricDescription("auth.registrations", .counter, .items("users"), "Users who registered"),
        MetricDescription(
            "auth.password.duration", .histogram, .seconds, "How long hashing or checking one password took"),
        MetricDescription(
            "auth.password.queue", .gauge, .items("passwords"), "Passwords that wait to be hashed or checked"),
        MetricDescription(
            "auth.password.changes", .counter, .items("passwords"), labels: ["way"],
            "Passwords replaced by who knew them (changed) or by the link of a mail (reset)"),
        MetricDescription(
            "auth.sessions.ended", .counter, .items("sessions"), labels: ["reason"],
            "Sessions that were ended before they ran out, by reason"),
        MetricDescription(
            "auth.mails", .counter, .items("mails"), labels: ["outcome"],
            "Mails handed over, tried in vain and given up, by outcome"),
        MetricDescription("auth.mail.queue", .gauge, .items("mails"), "Mails of all nodes that wait to be handed over"),

        // Database
        MetricDescription(
            "database.write.duration", .histogram, .seconds, buckets: MetricBuckets.briefSeconds,
            "From the request of a write to the moment it was durable, the wait for its turn included"),
        MetricDescription(
            "database.read.duration", .histogram, .seconds, buckets: MetricBuckets.briefSeconds,
            "From the request of a read to its result, the wait for a connection included"),
        MetricDescription(
            "database.commit.duration", .histogram, .seconds, buckets: MetricBuckets.briefSeconds,
            "How long one COMMIT took, which many writes share: in the main the disk's fsync"),
        MetricDescription(
            "database.round.size", .histogram, .items("requests"), "Writes that shared one commit"),
        MetricDescription(
            "database.queue.depth", .gauge, .items("requests"), labels: ["queue"],
            "Requests that wait for a connection, by queue (write, read)"),
        MetricDescription(
            "database.errors", .counter, .items("errors"), labels: ["code"],
            "Requests that the database refused and transactions that it ended, by code of the error"),

        // Redis
        MetricDescription(
            "redis.commands", .counter, .items("commands"), labels: ["outcome"],
            "Commands to Redis, by outcome (ok, cancelled, or the error)"),
        MetricDescription(
            "redis.command.duration", .histogram, .seconds, buckets: MetricBuckets.briefSeconds,
            "From the call of a command to its answer"),
        MetricDescription("redis.connected", .gauge, .items("connections"), "Whether there is a connection to Redis"),
        MetricDescription(
            "redis.connections.opened", .counter, .items("connections"),
            "Connections to Redis that were made: the first, and one after each loss"),
        MetricDescription(
            "redis.messages.published", .counter, .items("messages"), "Messages to other nodes that Redis has taken"),
        MetricDescription(
            "redis.messages.received", .counter, .items("messages"),
            "Messages of nodes that came over Redis, those of this node included"),

        // Event log
        MetricDescription("event.store.events", .counter, .items("events"), "Events that became durable in the log"),
        MetricDescription(
            "event.store.append.duration", .histogram, .seconds,
            "Appends of their own, from the call until the events are durable"),
        MetricDescription(
            "event.store.replay.duration", .histogram, .seconds,
            "Loads of aggregates, from the call until the events after the last snapshot are folded"),
        MetricDescription(
            "events.subscription.lag", .gauge, .items("events"), labels: ["subscription"],
            "Events of the log that a subscription of this process has not looked through yet"),
        MetricDescription(
            "events.parked", .counter, .items("events"), labels: ["subscription"],
            "Events that a subscription could not handle and has put aside"),
        MetricDescription(
            "events.archived", .counter, .items("events"), "Events that this process has moved into archives"),
        MetricDescription(
            "events.archive.bytes", .counter, .bytes, "Bytes of the archives that this process has written"),
        MetricDescription(
            "events.oldest.age", .gauge, .seconds,
            "Age of the first event that is in the database, when it was last looked for what is to be archived"),
        MetricDescription(
            "events.projection.rebuilds", .counter, .items("rebuilds"), labels: ["projection"],
            "Projections that were made anew and taken up"),

        // Tracing
        MetricDescription(
            "tracing.spans", .counter, .items("spans"), labels: ["outcome"],
            "Spans that have ended, by what became of them (exported, queue_full, failed, rejected)"),
        MetricDescription(
            "tracing.traces.limited", .counter, .items("traces"),
            "Traces that began here and were not recorded, as more began than OBSERVABILITY_TRACES_PER_SECOND"),
        MetricDescription("tracing.queue.depth", .gauge, .items("spans"), "Spans that wait to be exported"),

        // The process and its metrics
        MetricDescription("process.cpu", .counter, .seconds, "Processor time used, in user and system mode"),
        MetricDescription("process.resident_memory", .gauge, .bytes, "Memory that is in RAM"),
        MetricDescription("process.start_time", .gauge, .seconds, "When the process began, since 1970 in UTC"),
        MetricDescription("process.threads", .gauge, .items("threads"), "Threads of the process"),
        MetricDescription("process.open_fds", .gauge, .items("descriptors"), "Open files and sockets"),
        MetricDescription(
            "process.max_fds", .gauge, .items("descriptors"), "How many files and sockets may be open at once"),
        MetricDescription(
            "metrics.dropped", .counter, .items("handles"), labels: ["reason"],
            "Handles for which there was no room (families, series) or whose name another kind of metric has (name)"),
    ])
}
