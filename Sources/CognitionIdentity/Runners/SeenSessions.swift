import Synchronization

/// Sessions whose access tokens were used since somebody last looked, in memory: no request writes to the database for it.
final class SeenSessions: Sendable {
    /// Of more sessions than these it is noted later, when they are used again.
    static let sessionsMax = 10_000

    private let ids = Mutex<Set<SessionID>>([])

    func note(_ id: SessionID) {
        ids.withLock { ids in
            guard ids.count < Self.sessionsMax else { return }
            ids.insert(id)
        }
    }

    func take() -> [SessionID] {
        ids.withLock { ids in
            defer { ids.removeAll(keepingCapacity: true) }
            // In one order, so that two nodes which write at once wait for each other and not in a circle.
            return ids.sorted()
        }
    }
}
