import CognitionCore
package import CognitionStorage

/// The places of the durable subscriptions.
enum SubscriptionStore {
    static let errorBytesMax = 2_000
    static let listMax = 1_000

    /// Where the subscription is; made at its start when it is new.
    /// - Throws: `event.subscription_unknown` when its row is made by somebody else and is not there.
    static func open(
        _ subscription: Subscription, now: Timestamp, in tx: borrowing Transaction
    ) throws -> SubscriptionState {
        if let state = try find(subscription.name, in: tx) { return state }
        switch subscription.start {
        case .beginning: try make(subscription.name, at: 0, now: now, in: tx)
        case .end: try make(subscription.name, at: try EventReader.head(in: tx), now: now, in: tx)
        case .existing: break
        }
        guard let state = try find(subscription.name, in: tx) else { throw unknown(subscription.name) }
        return state
    }

    /// Makes the row of a subscription that has none.
    static func make(_ name: String, at position: Int64, now: Timestamp, in tx: borrowing Transaction) throws {
        try tx.execute(
            """
            INSERT INTO subscriptions (name, position, updated_at) VALUES (\(name), \(position), \(now))
            ON CONFLICT (name) DO NOTHING
            """)
    }

    static func find(_ name: String, in tx: borrowing Transaction) throws -> SubscriptionState? {
        try tx.first("SELECT \(columns: columns) FROM subscriptions WHERE name = \(name)", as: state)
    }

    static func list(in tx: borrowing Transaction) throws -> [SubscriptionState] {
        try tx.query("SELECT \(columns: columns) FROM subscriptions ORDER BY name LIMIT \(listMax)", as: state)
    }

    /// - Returns: Whether it was at `old` and works; else somebody else has moved, stopped or removed it.
    static func move(
        _ name: String, from old: Int64, to new: Int64, now: Timestamp, in tx: borrowing Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            UPDATE subscriptions SET position = \(new), updated_at = \(now)
            WHERE name = \(name) AND position = \(old) AND failed_at IS NULL
            """) == 1
    }

    /// Waits until nobody else holds the place, and holds it.
    /// - Returns: Where it is; `nil` when there is none, or it has stopped.
    static func hold(_ name: String, in tx: borrowing Transaction) throws -> Int64? {
        try tx.first(
            "SELECT position FROM subscriptions WHERE name = \(name) AND failed_at IS NULL \(fragment: .forUpdate)"
        ) { try $0[0] }
    }

    /// An error as it is kept.
    static func text(of error: any Error) -> String {
        String(decoding: "\(error)".utf8.filter { $0 != 0 }.prefix(errorBytesMax), as: UTF8.self)
    }

    /// Stops a subscription that is still at `old`.
    static func park(
        _ name: String, at old: Int64, failure: SubscriptionState.Failure, in tx: borrowing Transaction
    ) throws {
        try tx.execute(
            """
            UPDATE subscriptions SET error = \(failure.error), failed_at = \(failure.time),
                failed_position = \(failure.position), updated_at = \(failure.time)
            WHERE name = \(name) AND position = \(old) AND failed_at IS NULL
            """)
        tx.signal(.subscriptions)
    }

    static func resume(_ name: String, skipping: Bool, now: Timestamp, in tx: borrowing Transaction) throws {
        let changed = try tx.execute(
            """
            UPDATE subscriptions SET error = NULL, failed_at = NULL, failed_position = NULL, updated_at = \(now),
                position = CASE WHEN \(skipping) = 1 AND failed_position > position THEN failed_position ELSE position END
            WHERE name = \(name)
            """)
        guard changed == 1 else { throw unknown(name) }
        tx.signal(.subscriptions)
    }

    static func forget(_ name: String, in tx: borrowing Transaction) throws {
        try tx.execute("DELETE FROM parked_events WHERE subscription = \(name)")
        guard try tx.execute("DELETE FROM subscriptions WHERE name = \(name)") == 1 else { throw unknown(name) }
        tx.signal(.subscriptions)
    }

    static func unknown(_ name: String) -> EventError {
        EventError(.subscriptionUnknown, "there is no subscription named \(name)")
    }

    private static let columns: StaticString = "name, position, updated_at, error, failed_at, failed_position"

    private static func state(_ row: borrowing Row) throws -> SubscriptionState {
        var failure: SubscriptionState.Failure?
        if let error = try row[3] as String?, let time = try row[4] as Timestamp?, let position = try row[5] as Int64? {
            failure = SubscriptionState.Failure(error: error, time: time, position: position)
        }
        return SubscriptionState(name: try row[0], position: try row[1], updatedAt: try row[2], failure: failure)
    }
}

extension SignalTopic {
    /// A subscription was stopped or resumed.
    package static let subscriptions: SignalTopic = "subscriptions"
}
