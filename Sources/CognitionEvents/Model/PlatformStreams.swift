/// Streams in which the platform itself tells what it has done; users of the log read them and do not write to them.
package enum PlatformStreams {
    /// Types of such streams, of all contexts.
    package static let types: Set<String> = [
        ofCloudEvents, "connection", "event_schema", "execution", "job_queue", "room", "search_index", "secret", "user",
        "workflow",
        "workspace",
    ]
    /// Those that tell of accounts, for whom may see the audit trail.
    package static let ofAccounts: Set<String> = ["user", "workspace"]
    /// Those that tell of nothing but the administration of the platform.
    package static let ofAdministration = ofAccounts.union(["secret"])
    /// What workflows and people have published, each type in a stream of its own.
    package static let ofCloudEvents = "cloudevent"
}
