package import CognitionStorage

extension EventLog {
    /// The tables of buses, in their order; after those of the log.
    package static let busMigrations = [
        Migration(
            "bus.001_leases",
            [
                """
                CREATE TABLE bus_leases (
                    bus \(fragment: .text) NOT NULL PRIMARY KEY, owner \(fragment: .text) NOT NULL,
                    lease_until \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """
            ]),
        Migration(
            "bus.002_inbox",
            [
                // `digest` is that of an event's source and id.
                """
                CREATE TABLE bus_inbox (
                    digest \(fragment: .bytes) NOT NULL PRIMARY KEY, received_at \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """,
                "CREATE INDEX bus_inbox_by_time ON bus_inbox (received_at)",
            ]),
    ]
}
