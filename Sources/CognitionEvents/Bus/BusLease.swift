import CognitionCore
import CognitionStorage

/// Which of the nodes of a database publishes to a bus.
///
/// The times are those of the database's own clock; a lease that is good for longer than any is of before it was set back. A node that was paused beyond its lease may still publish what it has in
/// hand, once more, with the same ids; it cannot move the place.
enum BusLease {
    /// Microseconds that it is good for.
    static let life: Int64 = 12_000_000
    static let renewal: Duration = .seconds(3)

    /// Takes the lease when it is free, or keeps it.
    /// - Returns: Whether `owner` has it now.
    static func hold(_ bus: String, by owner: UUIDv7, in tx: borrowing Transaction) throws -> Bool {
        let changed = try tx.execute(
            """
            UPDATE bus_leases SET owner = \(owner), lease_until = \(fragment: .now) + \(life)
            WHERE bus = \(bus) AND (owner = \(owner) OR lease_until <= \(fragment: .now)
                OR lease_until > \(fragment: .now) + \(2 * life))
            """)
        if changed == 1 { return true }
        return try tx.execute(
            """
            INSERT INTO bus_leases (bus, owner, lease_until) VALUES (\(bus), \(owner), \(fragment: .now) + \(life))
            ON CONFLICT (bus) DO NOTHING
            """) == 1
    }

    /// Gives it back.
    static func end(_ bus: String, by owner: UUIDv7, in tx: borrowing Transaction) throws {
        try tx.execute("DELETE FROM bus_leases WHERE bus = \(bus) AND owner = \(owner)")
    }
}
