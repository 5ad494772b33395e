import Synchronization

/// Access tokens that were found good, with what they say, so that each is checked in full only once.
///
/// Two halves take turns: when the newer is full, it becomes the older, and what was in that one is forgotten unless it
/// was used since. So the tokens in use stay, and none needs a list in the order of use.
package final class TokenCache<Entry: Sendable>: Sendable {
    private struct State {
        var newer: [String: Entry] = [:]
        var older: [String: Entry] = [:]

        mutating func keep(_ entry: Entry, for token: String, halfMax: Int) {
            if newer.count >= halfMax {
                older = newer
                newer = [:]
            }
            newer[token] = entry
        }
    }

    private let halfMax: Int
    private let state = Mutex(State())

    /// - Parameter entriesMax: An even number, at least 2.
    package init(entriesMax: Int) { halfMax = entriesMax / 2 }

    package var count: Int { state.withLock { $0.newer.count + $0.older.count } }

    /// What is known of a token, which may have expired since.
    package func find(_ token: String) -> Entry? {
        state.withLock { state in
            if let entry = state.newer[token] { return entry }
            guard let entry = state.older.removeValue(forKey: token) else { return nil }
            state.keep(entry, for: token, halfMax: halfMax)
            return entry
        }
    }

    package func insert(_ entry: Entry, for token: String) {
        state.withLock { $0.keep(entry, for: token, halfMax: halfMax) }
    }

    package func removeAll() { state.withLock { $0 = State() } }

    package func remove(_ token: String) {
        state.withLock { state in
            state.newer[token] = nil
            state.older[token] = nil
        }
    }
}
