package import CognitionCore
import Synchronization

/// How the processes that share a database know of each other's death.
///
/// Each node keeps one row alive; what a node without a living row still holds is free for the others. The times are those
/// of the database's own clock, so that nodes with different clocks agree; as that may be set as well, whoever takes another
/// for dead has also seen nothing of it for a while of its own (``NodeWatch``). A node that cannot renew its lease in time
/// has to take itself for dead, and is told so: others may have taken over what it held.
package final class NodeLease: Sendable {
    package struct Settings: Sendable {
        /// How long a node counts as alive after it has last said so.
        package var duration: Duration = .seconds(12)
        /// How often it says so.
        package var renewal: Duration = .seconds(3)

        package init() {}
    }

    /// What became of a lease.
    package enum Standing: Sendable, Hashable {
        /// Nobody has taken anything away.
        case held
        /// It had run out, or could not be renewed in time; others may own what this node held.
        case lapsed
    }

    private struct State {
        /// When the last renewal that worked began.
        var renewedAt: ContinuousClock.Instant?
        var hasLapsed = false
        var lapses = 0

        mutating func noteLapse() {
            renewedAt = nil
            hasLapsed = true
            lapses += 1
        }
    }

    package let node: UUIDv7
    package let settings: Settings
    private let database: any Database
    private let state = Mutex(State())

    package init(_ database: any Database, node: UUIDv7, settings: Settings = Settings()) {
        self.database = database
        self.node = node
        self.settings = settings
    }

    package static let migrations = [
        Migration(
            "storage.001_nodes",
            [
                """
                CREATE TABLE nodes (
                    id \(fragment: .text) NOT NULL PRIMARY KEY, lease_until \(fragment: .int64) NOT NULL,
                    joined_at \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """
            ])
    ]

    /// Joins, or stays.
    /// - Throws: `StorageError`; ``standing`` tells what that means for what this node holds.
    package func renew() async throws {
        let began = ContinuousClock.now
        let (node, life) = (node, settings.duration.microseconds)
        let stayed = try await database.write { tx in
            // Who takes it for dead takes its row away; a clock that was set has not.
            let stayed = try tx.execute("UPDATE nodes SET lease_until = \(fragment: .now) + \(life) WHERE id = \(node)")
            if stayed == 0 {
                try tx.execute(
                    """
                    INSERT INTO nodes (id, lease_until, joined_at)
                    VALUES (\(node), \(fragment: .now) + \(life), \(fragment: .now))
                    ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until
                    """)
            }
            return stayed == 1
        }
        state.withLock { state in
            // Its row may be there still, and others may have acted on its silence all the same.
            if let last = state.renewedAt, !stayed || began - last > settings.duration { state.noteLapse() }
            state.renewedAt = began
        }
    }

    /// What this node has to take for true now. A lapse is told once.
    package func standing() -> Standing {
        withCurrent { state in
            defer { state.hasLapsed = false }
            return state.hasLapsed ? .lapsed : .held
        }
    }

    /// How often it has lapsed so far, for those who are not told by ``standing()``.
    package var lapses: Int { withCurrent { $0.lapses } }

    /// Whether it was renewed, and has not run out since.
    package var isHeld: Bool { withCurrent { $0.renewedAt != nil } }

    private func withCurrent<Value>(_ body: (inout State) -> Value) -> Value {
        state.withLock { state in
            // Whoever finds the row dead may act on it; the next renewal joins anew.
            if let renewedAt = state.renewedAt, ContinuousClock.now - renewedAt > settings.duration {
                state.noteLapse()
            }
            return body(&state)
        }
    }

    /// Leaves, in good order: what this node held has to be given back before.
    package func end() async throws {
        let node = node
        try await database.write { tx in try Self.end(node, in: tx) }
        state.withLock { $0.renewedAt = nil }
    }

    /// Ends the lease of a node that is known to be gone.
    package static func end(_ node: UUIDv7, in tx: borrowing Transaction) throws {
        try clear([node], in: tx)
    }

    // MARK: The others

    /// What is seen of another node.
    package struct Sign: Sendable, Hashable {
        package let node: UUIDv7
        /// By the database's clock; other than before whenever the node has said that it lives.
        let until: Int64
        /// The lease has run out by the database's clock.
        let isOver: Bool
    }

    /// Signs of the other nodes; of at most 1,000.
    package func others(in tx: borrowing Transaction) throws -> [Sign] {
        try tx.query(
            """
            SELECT id, lease_until, CASE WHEN lease_until <= \(fragment: .now) THEN 1 ELSE 0 END FROM nodes
            WHERE id <> \(node) ORDER BY id LIMIT 1000
            """
        ) { Sign(node: try $0[0], until: try $0[1], isOver: try $0[2] as Int == 1) }
    }

    /// Which of them have still not said anything else, and cannot until the end of the transaction.
    package static func stillSilent(_ signs: [Sign], in tx: borrowing Transaction) throws -> [UUIDv7] {
        try signs.filter { sign in
            try tx.first(
                "SELECT 1 FROM nodes WHERE id = \(sign.node) AND lease_until = \(sign.until) \(fragment: .forUpdate)"
            ) { try $0[0] as Int } != nil
        }.map(\.node)
    }

    /// Clears away nodes that have left or were taken for dead: what they still hold is free for whoever finds it
    /// (``gone(among:in:)``), and whoever waits for ``SignalTopic/nodesGone`` is woken to look.
    package static func clear(_ nodes: [UUIDv7], in tx: borrowing Transaction) throws {
        guard !nodes.isEmpty else { return }
        try tx.execute("DELETE FROM nodes WHERE id IN \(list: nodes)")
        tx.signal(.nodesGone)
    }

    /// Which of these are not among the nodes any more.
    ///
    /// A lease that has run out by the database's clock is nothing to go by, as that may have been set: whoever keeps a
    /// ``NodeWatch`` clears away those that it finds dead, and until then a node has its row.
    package static func gone(among nodes: [UUIDv7], in tx: borrowing Transaction) throws -> [UUIDv7] {
        guard !nodes.isEmpty else { return [] }
        let there = try tx.query("SELECT id FROM nodes WHERE id IN \(list: nodes)") { try $0[0] as UUIDv7 }
        return nodes.filter { !there.contains($0) }
    }

    /// How many nodes are alive.
    package static func count(in tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT COUNT(*) FROM nodes WHERE lease_until > \(fragment: .now)") { try $0[0] } ?? 0
    }
}

extension SignalTopic {
    /// A node was cleared away, and may have left something behind.
    package static let nodesGone: SignalTopic = "nodes.gone"
}

/// Which of the other nodes are dead, by what one node sees of them; the only one who says so of a node that is silent.
package struct NodeWatch: Sendable {
    private let settings: NodeLease.Settings
    private var seen: [UUIDv7: (until: Int64, since: ContinuousClock.Instant)] = [:]

    package init(_ settings: NodeLease.Settings) { self.settings = settings }

    /// - Returns: Those that have said nothing for two renewals and whose lease has run out; and those that have said nothing
    ///   for longer than any lease is good, whatever the database's clock says.
    package mutating func note(
        _ signs: [NodeLease.Sign], at instant: ContinuousClock.Instant = .now
    ) -> [NodeLease.Sign] {
        var now: [UUIDv7: (until: Int64, since: ContinuousClock.Instant)] = [:]
        for sign in signs {
            if let before = seen[sign.node], before.until == sign.until {
                now[sign.node] = before
            } else {
                now[sign.node] = (sign.until, instant)
            }
        }
        seen = now
        return signs.filter { sign in
            guard let since = seen[sign.node]?.since else { return false }
            let silence = instant - since
            return silence >= (sign.isOver ? settings.renewal * 2 : settings.duration + settings.renewal * 2)
        }
    }
}

extension Duration {
    /// The whole number of microseconds.
    fileprivate var microseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
