/// Streams in which the platform itself tells what it has done; users of the log read them and do not write to them.
package enum PlatformStreams {
    /// Types of such streams, of all contexts.
    package static let types: Set<String> = [
        "cloudevent", "event_schema", "execution", "secret", "user", "workflow", "workspace",
    ]
    /// Those that tell of accounts, for whom may see the audit trail.
    package static let ofAccounts: Set<String> = ["user", "workspace"]
}
