import CognitionCore
import Synchronization

/// Sessions whose access tokens are refused before they expire, in memory, because a token says nothing of what happened
/// after it was signed.
///
/// An entry matters for as long as the tokens that were signed before it may live, and is forgotten then.
final class RefusedSessions: Sendable {
    enum Verdict: Sendable, Hashable {
        case good
        /// The session goes on, with a token that says what holds now.
        case stale
        case ended
    }

    private struct Entry {
        var validFrom: Int64
        var at: Timestamp
    }

    private struct State {
        var entries: [SessionID: Entry] = [:]
        /// The database was looked through up to this moment; `nil`: never.
        var readUntil: Timestamp?
    }

    private let state = Mutex(State())

    var readUntil: Timestamp? { state.withLock { $0.readUntil } }

    func verdict(on session: SessionID, generation: Int64) -> Verdict {
        state.withLock { state in
            guard let entry = state.entries[session], generation < entry.validFrom else { return .good }
            return entry.validFrom == .max ? .ended : .stale
        }
    }

    func insert(_ refusals: [Refusal]) {
        state.withLock { state in
            for refusal in refusals {
                let known = state.entries[refusal.session]
                state.entries[refusal.session] = Entry(
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
