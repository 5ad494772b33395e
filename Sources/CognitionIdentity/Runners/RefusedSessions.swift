import CognitionCore
import Synchronization

package enum RefusalVerdict: Sendable, Hashable {
    case good
    /// The session goes on, with a token that says what holds now; the key has to be looked up again.
    case stale
    case ended
}

/// Sessions whose access tokens are refused before they expire, in memory, because a token says nothing of what happened
/// after it was signed; and API keys that have changed since they were looked up.
///
/// An entry matters for as long as the tokens that were signed before it may live, and is forgotten then.
final class RefusedSessions<ID: Sendable & Hashable>: Sendable {
    private struct Entry {
        var validFrom: Int64
        var at: Timestamp
    }

    private struct State {
        var entries: [ID: Entry] = [:]
        /// The database was looked through up to this moment; `nil`: never.
        var readUntil: Timestamp?
        /// How often something about an entry has changed.
        var revision = 0
    }

    private let state = Mutex(State())

    var readUntil: Timestamp? { state.withLock { $0.readUntil } }
    var revision: Int { state.withLock { $0.revision } }

    func verdict(on session: ID, generation: Int64) -> RefusalVerdict {
        state.withLock { state in
            guard let entry = state.entries[session], generation < entry.validFrom else { return .good }
            return entry.validFrom == .max ? .ended : .stale
        }
    }

    func insert(_ refusals: [Refusal<ID>]) {
        state.withLock { state in
            for refusal in refusals {
                let known = state.entries[refusal.id]
                // What is read again is no news.
                if (known?.validFrom ?? 0) < refusal.validFrom { state.revision += 1 }
                state.entries[refusal.id] = Entry(
                    validFrom: max(known?.validFrom ?? 0, refusal.validFrom),
                    at: max(known?.at ?? refusal.at, refusal.at))
            }
        }
    }

    /// Notes that the database was read at `moment`, and forgets what is older than any token that may still live.
    func finishReading(at moment: Timestamp, forgettingBefore oldest: Timestamp) {
        state.withLock { state in
            state.readUntil = moment
            // Most of the time nothing is that old, and then nothing is copied.
            guard state.entries.values.contains(where: { $0.at < oldest }) else { return }
            state.entries = state.entries.filter { $0.value.at >= oldest }
        }
    }
}
