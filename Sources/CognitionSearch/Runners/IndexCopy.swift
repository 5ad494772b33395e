import CognitionCore
import CognitionEvents
import CognitionStorage
import Foundation
import Logging
import Synchronization

/// This node's copy of an index: made of the documents in the database, and made anew of them whenever its files are
/// damaged, of another format, or not what the settings ask for.
///
/// Whoever wants it to know more says so by ``want()``; one task at a time reads and writes, and tells by ``changes`` what has
/// become different.
final class IndexCopy: Sendable {
    struct State {
        /// What answers, or will be the first to.
        var serving: IndexBuild?
        /// What takes its place once it has all documents.
        var next: IndexBuild?
        var isOpened = false
        var isWanted = false
        var isWorking = false
        var isMerging = false
        /// Nothing is done with it any more.
        var isClosing = false
        /// The index was deleted.
        var isGone = false
        /// Why the last work has failed; counts up with each.
        var failure: (any Error)?
        var failures = 0
        var isFailing = false
        var usedAt = ContinuousClock.now
    }

    let key: Int64
    let address: IndexAddress
    let database: any Database
    /// Of all makings of the index on this node.
    let folder: String
    let settings: Search.Settings
    /// Where documents become an index, so that the threads that searches run on are left to them.
    let thread: OwnThread
    let logger: Logger
    let state = Mutex(State())
    let changes = Signals()

    init(
        _ index: StoredIndex, database: any Database, folder: String, settings: Search.Settings, thread: OwnThread,
        logger: Logger
    ) {
        key = index.key
        address = index.address
        self.database = database
        self.folder = folder
        self.settings = settings
        self.thread = thread
        self.logger = logger
    }

    // MARK: For whoever reads

    /// What answers; `nil` while it is made for the first time.
    var answering: IndexBuild? {
        state.withLock { state in
            state.usedAt = .now
            return state.isOpened ? state.serving.flatMap { $0.isComplete ? $0 : nil } : nil
        }
    }

    /// The changes up to here are in what answers.
    var reached: Int64 { state.withLock { $0.serving }?.reached ?? 0 }
    /// The same for whoever only looks how it is doing.
    var current: IndexBuild? {
        state.withLock { state in state.isOpened ? state.serving.flatMap { $0.isComplete ? $0 : nil } : nil }
    }

    var usedAt: ContinuousClock.Instant { state.withLock { $0.usedAt } }
    var isClosing: Bool { state.withLock { $0.isClosing } }
    var isGone: Bool { state.withLock { $0.isGone } }
    /// Whether the last work has failed.
    var isFailing: Bool { state.withLock { $0.isFailing } }
    var isRebuilding: Bool { state.withLock { $0.next != nil || $0.serving?.isComplete == false } }

    /// Whether there is something to do for it, now that the database has `index`.
    func isBehind(_ index: StoredIndex) -> Bool {
        state.withLock { state in
            guard let serving = state.serving else { return true }
            return serving.reached < index.sequence || state.next != nil || serving.hasToGo || !serving.isComplete
                || serving.label.settingsVersion != index.settingsVersion
        }
    }

    /// What answers, as soon as something does.
    /// - Throws: `search.index_building` when that takes longer than `limit`; why it could not be made.
    func answering(within limit: Duration) async throws -> IndexBuild {
        if let build = answering { return build }
        want()
        try await wait(atMost: limit) { self.answering != nil || self.isGone }
        guard let build = answering else {
            if isGone { throw SearchError.notFound(address.name) }
            throw SearchError(
                .searchIndexBuilding, "the index \(address.name) is being made on this node; try again soon")
        }
        return build
    }

    /// Returns once it has the changes up to `sequence`.
    /// - Throws: `search.sequence_not_reached` when that takes longer than `limit`.
    func reach(_ sequence: Int64, within limit: Duration) async throws {
        guard reached < sequence else { return }
        want()
        try await wait(atMost: limit) { self.reached >= sequence || self.isGone }
        guard reached >= sequence else {
            throw SearchError(
                .searchSequenceNotReached,
                "the index \(address.name) has not reached \(sequence) in time; it is at \(reached)")
        }
    }

    /// Returns once nothing that was wanted before the call is left to do.
    func settle(within limit: Duration) async throws {
        want()
        try await wait(atMost: limit) { self.state.withLock { !$0.isWorking } }
    }

    /// Returns when `isSo`, or after `limit`.
    /// - Throws: Why work has failed meanwhile.
    private func wait(atMost limit: Duration, until isSo: @Sendable () -> Bool) async throws {
        let deadline = ContinuousClock.now + limit
        let failures = state.withLock { $0.failures }
        while true {
            let wakeUps = changes.wakeUps(for: .searchCopy)
            if isSo() { return }
            let failure = state.withLock { $0.failures > failures ? $0.failure : nil }
            if let failure { throw failure }
            let left = deadline - .now
            guard left > .zero else { return }
            await CognitionEvents.wait(for: wakeUps, atMost: left, on: ContinuousClock())
            try Task.checkCancellation()
        }
    }

    /// What a reader has found: another making begins, while this one goes on as far as it can.
    func noteDamage(of build: IndexBuild, _ error: any Error) {
        guard !build.isDamaged else { return }
        build.noteDamage()
        logger.error(
            "Index is damaged and is made anew",
            metadata: [
                "search.index": "\(address.name)", "search.workspace": "\(address.workspace)", "error": "\(error)",
            ])
        want()
    }
}

extension SignalTopic {
    /// Of one copy.
    static let searchCopy: SignalTopic = "search.copy"
}
