package import CognitionCore
package import CognitionStorage

/// Where events of other systems arrive: a queue of a broker.
///
/// A message stays with the broker until it was accepted or put aside, and comes again when the connection is lost before.
package protocol BusInbox: Sendable {
    /// What names it in metrics and in health, e.g. `rabbitmq`.
    var name: String { get }

    /// How the connection to the broker is.
    var connection: BusConnection { get }

    /// Messages that have come; waits for a while when there are none, and then gives none.
    /// - Throws: `bus.unavailable`, `bus.refused`; `CancellationError`.
    func receive() async throws -> [BusDelivery]

    /// Tells the broker that messages have taken effect. Those of a connection that was lost come again.
    func accept(_ deliveries: [BusDelivery]) async throws

    /// Puts a message aside, where people find it with the reason.
    func putAside(_ delivery: BusDelivery, because error: any CodedError) async throws

    /// Lets go of what was handed out and not answered for; it comes again.
    func giveBack() async
}

/// A message of another system.
package struct BusDelivery: Sendable, Hashable {
    /// Names it on its connection.
    package let tag: UInt64
    /// The connection by which it has come.
    package let session: UInt64
    package let body: [UInt8]
    /// The body has more bytes than are looked at, and is not here.
    package let isTooLong: Bool
    package let correlationID: String?

    package init(tag: UInt64, session: UInt64, body: [UInt8], isTooLong: Bool = false, correlationID: String? = nil) {
        self.tag = tag
        self.session = session
        self.body = body
        self.isTooLong = isTooLong
        self.correlationID = correlationID
    }
}

/// What an event of another system does here.
package struct BusIntake: Sendable {
    /// With `id` it names the event, whoever sends it how often.
    package let source: String
    package let id: String
    /// Its effect; not called when the event has had it already.
    package let apply: @Sendable (borrowing Transaction) throws -> Void

    package init(source: String, id: String, apply: @escaping @Sendable (borrowing Transaction) throws -> Void) {
        self.source = source
        self.id = id
        self.apply = apply
    }
}

/// Which events of other systems have had their effect.
enum BusInboxStore {
    /// How long that is remembered.
    static let memory: Duration = .seconds(7 * 86_400)
    private static let deletedMax = 1_000

    /// - Returns: Whether the event is new.
    static func note(_ intake: BusIntake, now: Timestamp, in tx: borrowing Transaction) throws -> Bool {
        let digest = SHA256Digest(of: Array("\(intake.source)\n\(intake.id)".utf8))
        return try tx.execute(
            """
            INSERT INTO bus_inbox (digest, received_at) VALUES (\(digest.bytes), \(now))
            ON CONFLICT (digest) DO NOTHING
            """) == 1
    }

    /// Forgets a bounded number of events that came before `moment`.
    /// - Returns: Whether there are more.
    static func forget(before moment: Timestamp, in tx: borrowing Transaction) throws -> Bool {
        let deleted = try tx.execute(
            """
            DELETE FROM bus_inbox WHERE digest IN (
                SELECT digest FROM bus_inbox WHERE received_at < \(moment) ORDER BY received_at LIMIT \(deletedMax))
            """)
        return deleted == deletedMax
    }
}
