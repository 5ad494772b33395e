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
            ])
    ]
}
