import CognitionCore
package import CognitionStorage

/// Which generation of each projection is read, and which is made.
enum ProjectionStore {
    struct Row: Sendable, Hashable {
        let name: String
        let foldVersion: Int
        let live: Int64
        let building: Int64?
        let isPaused: Bool

        static let columns: StaticString = "name, fold_version, live, building, paused_at"

        init(_ row: borrowing CognitionStorage.Row) throws {
            name = try row[0]
            foldVersion = try row[1]
            live = try row[2]
            building = try row[3]
            isPaused = try row[4] as Timestamp? != nil
        }

        /// Of the generation that is read.
        var subscription: String { ProjectionStore.subscription(of: name, generation: live) }

        /// All that are wanted.
        var generations: [Int64] { [live] + (building.map { [$0] } ?? []) }
    }

    static let subscriptionPrefix = "projection."

    static func subscription(of projection: String, generation: Int64) -> String {
        "\(subscriptionPrefix)\(projection).\(generation)"
    }

    /// Until the commit.
    enum Lock {
        case none
        /// It stays as it is.
        case share
        case update
    }

    /// What a generation is called where generations come and go: in metrics and in reports.
    static func label(of projection: String, isRebuild: Bool) -> String {
        isRebuild ? "projection.\(projection).rebuild" : "projection.\(projection)"
    }

    static func find(_ name: String, _ lock: Lock = .none, in tx: borrowing Transaction) throws -> Row? {
        let lock: SQL =
            switch lock {
            case .none: ""
            case .share: "\(fragment: .forShare)"
            case .update: "\(fragment: .forUpdate)"
            }
        return try tx.first(
            "SELECT \(columns: Row.columns) FROM projections WHERE name = \(name) \(lock)", as: Row.init)
    }

    static func list(in tx: borrowing Transaction) throws -> [Row] {
        try tx.query("SELECT \(columns: Row.columns) FROM projections ORDER BY name LIMIT 1000", as: Row.init)
    }

    /// The row of a projection, with the places of its generations; made when it is new, and told to be rebuilt when its
    /// fold is another than before.
    static func open(_ projection: some Projection, now: Timestamp, in tx: borrowing Transaction) throws -> Row {
        try tx.execute(
            """
            INSERT INTO projections (name, fold_version, live, generations) VALUES (\(projection.name), \(projection.foldVersion), 1, 1)
            ON CONFLICT (name) DO NOTHING
            """)
        guard let row = try find(projection.name, .update, in: tx) else { throw unknown(projection.name) }
        guard row.foldVersion < projection.foldVersion else {
            try makePlaces(of: row, now: now, in: tx)
            return row
        }
        // A generation of the old fold that is on its way is given up.
        try tx.execute(
            """
            UPDATE projections SET fold_version = \(projection.foldVersion), building = generations + 1,
                generations = generations + 1
            WHERE name = \(projection.name)
            """)
        guard let changed = try find(projection.name, in: tx) else { throw unknown(projection.name) }
        try makePlaces(of: changed, now: now, in: tx)
        return changed
    }

    /// Only here and under the row's lock, so that a node that has not noticed an exchange does not bring back what was
    /// taken away.
    private static func makePlaces(of row: Row, now: Timestamp, in tx: borrowing Transaction) throws {
        for generation in row.generations {
            try SubscriptionStore.make(subscription(of: row.name, generation: generation), at: 0, now: now, in: tx)
        }
    }

    /// - Throws: `event.projection_unknown`, `event.projection_rebuilding`.
    static func rebuild(_ name: String, now: Timestamp, in tx: borrowing Transaction) throws {
        guard let row = try find(name, .update, in: tx) else { throw unknown(name) }
        guard row.building == nil else {
            throw EventError(.projectionRebuilding, "the projection \(name) is being rebuilt already")
        }
        try tx.execute(
            "UPDATE projections SET building = generations + 1, generations = generations + 1 WHERE name = \(name)")
        guard let changed = try find(name, in: tx) else { throw unknown(name) }
        try makePlaces(of: changed, now: now, in: tx)
        tx.signal(.projections)
    }

    static func pause(_ name: String, since: Timestamp?, in tx: borrowing Transaction) throws {
        guard try tx.execute("UPDATE projections SET paused_at = \(since) WHERE name = \(name)") == 1,
            let row = try find(name, in: tx)
        else { throw unknown(name) }
        // Appends that write it hold its place and not its row.
        _ = try SubscriptionStore.hold(row.subscription, in: tx)
        tx.signal(.projections)
    }

    /// Events that a generation may be behind to be brought to the end of the log while appends wait.
    static let catchUpMax: Int64 = 256

    /// Lets readers have the generation that was made, once it is as far as theirs.
    /// - Parameter inline: Of an inline projection, to which every append makes a difference: who brings a generation that is
    ///   almost there to the end of the log.
    /// - Returns: Whether it is.
    static func exchange(
        _ name: String, catchingUp inline: ((_ generation: Int64) -> ProjectionHandler)? = nil, now: Timestamp,
        in tx: borrowing Transaction
    ) throws -> Bool {
        guard let row = try find(name, .update, in: tx), let building = row.building, !row.isPaused else {
            return false
        }
        let made = subscription(of: name, generation: building)
        // What is read does not move meanwhile.
        if let inline {
            guard let position = try SubscriptionStore.find(made, in: tx)?.position,
                try EventReader.head(in: tx) - position <= catchUpMax
            else { return false }
            let head = try EventReader.head(locked: true, in: tx)
            guard let position = try SubscriptionStore.hold(made, in: tx), head - position <= 2 * catchUpMax else {
                return false
            }
            let handler = inline(building)
            try handler.each(after: position, in: tx) { try handler.hand($0, in: tx) }
            guard try SubscriptionStore.move(made, from: position, to: head, now: now, in: tx) else { return false }
        } else {
            let old = try position(of: row.subscription, in: tx)
            guard try position(of: made, in: tx) >= old else { return false }
        }
        try tx.execute("UPDATE projections SET live = \(building), building = NULL WHERE name = \(name)")
        tx.signal(.projections)
        return true
    }

    private static func position(of subscription: String, in tx: borrowing Transaction) throws -> Int64 {
        try tx.first("SELECT position FROM subscriptions WHERE name = \(subscription) \(fragment: .forUpdate)") {
            try $0[0]
        } ?? 0
    }

    /// Whether rows of the generation are wanted now; held so until the commit, so that whoever has paused it sees it stand
    /// still.
    static func isWanted(_ generation: Int64, of name: String, in tx: borrowing Transaction) throws -> Bool {
        try tx.first(
            """
            SELECT 1 FROM projections
            WHERE name = \(name) AND (live = \(generation) OR building = \(generation)) AND paused_at IS NULL
            \(fragment: .forShare)
            """
        ) { try $0[0] as Int } != nil
    }

    /// Generations that nobody wants, now or ever again, and that are still there, by their subscriptions.
    ///
    /// Row and subscriptions are of one moment: a generation that has just begun would be taken for one that was let go.
    static func abandoned(_ name: String, in tx: borrowing Transaction) throws -> [Int64] {
        guard let row = try find(name, in: tx) else { return [] }
        let prefix = subscription(of: row.name, generation: 0).dropLast()
        let names = try tx.query("SELECT name FROM subscriptions ORDER BY name LIMIT 1000") { try $0[0] as String }
        return names.filter { $0.hasPrefix(prefix) }.compactMap { Int64($0.dropFirst(prefix.count)) }
            .filter { !row.generations.contains($0) }
    }

    /// Takes away the place of a generation, the last thing that is left of it.
    static func forget(_ generation: Int64, of name: String, in tx: borrowing Transaction) throws {
        let subscription = subscription(of: name, generation: generation)
        try tx.execute("DELETE FROM parked_events WHERE subscription = \(subscription)")
        try tx.execute("DELETE FROM subscriptions WHERE name = \(subscription)")
    }

    static func unknown(_ name: String) -> EventError {
        EventError(.projectionUnknown, "there is no projection named \(name)")
    }
}

/// Events that subscriptions have gone on without.
enum ParkedEventStore {
    static func park(
        _ position: Int64, of subscription: String, error: String, now: Timestamp, in tx: borrowing Transaction
    ) throws {
        try tx.execute(
            """
            INSERT INTO parked_events (subscription, position, error, parked_at)
            VALUES (\(subscription), \(position), \(error), \(now)) ON CONFLICT (subscription, position) DO NOTHING
            """)
    }

    static func count(_ subscription: String, in tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT COUNT(*) FROM parked_events WHERE subscription = \(subscription)") { try $0[0] } ?? 0
    }

    static func has(_ position: Int64, of subscription: String, in tx: borrowing Transaction) throws -> Bool {
        try tx.first(
            "SELECT 1 FROM parked_events WHERE subscription = \(subscription) AND position = \(position)"
        ) { try $0[0] as Int } != nil
    }

    static func list(
        _ subscription: String, after position: Int64, limit: Int, in tx: borrowing Transaction
    ) throws -> [ParkedEvent] {
        try tx.query(
            """
            SELECT position, error, parked_at FROM parked_events
            WHERE subscription = \(subscription) AND position > \(position) ORDER BY position LIMIT \(limit)
            """
        ) { ParkedEvent(position: try $0[0], error: try $0[1], parkedAt: try $0[2]) }
    }

    /// - Returns: Whether it was there.
    static func remove(_ position: Int64, of subscription: String, in tx: borrowing Transaction) throws -> Bool {
        try tx.execute("DELETE FROM parked_events WHERE subscription = \(subscription) AND position = \(position)") == 1
    }
}

extension SignalTopic {
    /// A projection was paused, resumed, told to be rebuilt or exchanged.
    package static let projections: SignalTopic = "projections"
}
