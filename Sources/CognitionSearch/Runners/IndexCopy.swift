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
    private struct State {
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
    private let database: any Database
    /// Of all makings of the index on this node.
    let folder: String
    private let settings: Search.Settings
    /// Where documents become an index, so that the threads that searches run on are left to them.
    private let thread: OwnThread
    private let logger: Logger
    private let state = Mutex(State())
    private let changes = Signals()

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

    // MARK: Work

    /// Lets it catch up with the database, now or as soon as what is under way has ended.
    func want() {
        let begins = state.withLock { state in
            guard !state.isClosing else { return false }
            state.isWanted = true
            guard !state.isWorking else { return false }
            state.isWorking = true
            return true
        }
        // Unstructured, as it goes on when whoever has asked has gone: others wait for the same.
        if begins { Task(executorPreference: thread) { await self.work() } }
    }

    private func work() async {
        while state.withLock({ state in
            guard state.isWanted, !state.isClosing else {
                state.isWorking = false
                return false
            }
            state.isWanted = false
            return true
        }) {
            do {
                if !state.withLock({ $0.isOpened }) { try await open() }
                try await catchUp()
                state.withLock { $0.isFailing = false }
            } catch {
                state.withLock { state in
                    state.failure = error
                    state.failures += 1
                    state.isFailing = true
                    // What has failed is wanted again by the next who asks, or by the runner.
                    state.isWanted = false
                }
                logger.warning(
                    "Index could not catch up",
                    metadata: ["search.index": "\(address.name)", "error": "\(error)"])
            }
            tell()
        }
        tell()
    }

    private func tell() { changes.wakeHere([.searchCopy]) }

    /// Takes up what is on the disk: of complete makings the last; of others the last as what comes next.
    private func open() async throws {
        let files = FileManager.default
        try files.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        var found: [(label: IndexBuild.Label, folder: String)] = []
        for name in try files.contentsOfDirectory(atPath: folder) {
            let path = folder + "/" + name
            guard let label = IndexBuild.Label(folder: path), label.key == key, label.folderName == name else {
                // Of an index of the same name that was deleted, or never begun.
                try files.removeItem(atPath: path)
                continue
            }
            found.append((label, path))
        }
        found.sort { $0.label.number > $1.label.number }
        let serving = found.first { $0.label.isComplete } ?? found.first
        let next = found.first { $0.label.number > (serving?.label.number ?? 0) }
        for build in found where build.label.number != serving?.label.number && build.label.number != next?.label.number
        {
            try files.removeItem(atPath: build.folder)
        }
        let opened = (try await take(serving), try await take(next))
        state.withLock { state in
            (state.serving, state.next) = opened
            if state.serving == nil { (state.serving, state.next) = (state.next, nil) }
            state.isOpened = true
        }
    }

    /// - Returns: `nil`, and the folder is gone, when it cannot be used.
    private func take(_ found: (label: IndexBuild.Label, folder: String)?) async throws -> IndexBuild? {
        guard let found else { return nil }
        do {
            guard let settings = try await searchSettings(version: found.label.settingsVersion) else {
                try FileManager.default.removeItem(atPath: found.folder)
                return nil
            }
            return try IndexBuild(found.label, settings: settings, in: found.folder)
        } catch let error as SearchError where error.code == .searchIndexDamaged {
            logger.error(
                "Index is damaged and is made anew",
                metadata: ["search.index": "\(address.name)", "error": "\(error)"])
            try FileManager.default.removeItem(atPath: found.folder)
            return nil
        }
    }

    private func searchSettings(version: Int64) async throws -> SearchSettings? {
        let key = key
        let text = try await database.read { tx in try IndexStore.settings(of: key, version: version, tx) }
        return try text.map { try SearchSettings(json: JSONValue(parsing: $0)) }
    }

    /// Pages of the making that comes next, before what serves is looked after again.
    private static let pagesInARow = 8

    private func catchUp() async throws {
        while true {
            guard let index = try await advance(\.serving) else { return noteGone() }
            var begins = false
            state.withLock { state in
                guard let serving = state.serving else {
                    begins = true
                    return
                }
                if let next = state.next {
                    begins =
                        next.label.settingsVersion != index.settingsVersion || next.isDamaged
                        || next.isLost(in: index)
                } else {
                    begins =
                        serving.label.settingsVersion != index.settingsVersion || serving.hasToGo
                        || serving.isLost(in: index)
                }
            }
            if begins {
                try await begin(index)
                continue
            }
            guard let next = state.withLock({ $0.next }) else { return }
            for _ in 0..<Self.pagesInARow {
                guard let index = try await advance(\.next, pagesMax: 1) else { return noteGone() }
                if next.reached >= index.sequence, next.label.settingsVersion == index.settingsVersion {
                    try exchange(next)
                    break
                }
            }
            guard !isClosing else { return }
        }
    }

    /// Begins another making; it serves at once where nothing else does.
    private func begin(_ index: StoredIndex) async throws {
        let (serving, dropped) = state.withLock { state in
            // What has never answered needs no successor of its own.
            let dropped = state.next ?? (state.serving?.isComplete == false ? state.serving : nil)
            return (state.serving, dropped)
        }
        let number = max(serving?.label.number ?? 0, dropped?.label.number ?? 0) + 1
        guard let settings = try await searchSettings(version: index.settingsVersion) else {
            throw SearchError.notFound(address.name)
        }
        let label = IndexBuild.Label(
            key: key, number: number, settingsVersion: index.settingsVersion, purged: index.purged)
        let path = folder + "/" + label.folderName
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try label.write(to: path)
        let build = try IndexBuild(label, settings: settings, in: path)
        state.withLock { state in
            if state.serving?.isComplete == true {
                state.next = build
            } else {
                (state.serving, state.next) = (build, nil)
            }
        }
        if let dropped { remove(dropped) }
        if serving?.isComplete == true {
            logger.notice(
                "Index is made anew beside the one that answers", metadata: ["search.index": "\(address.name)"])
        }
    }

    private func exchange(_ next: IndexBuild) throws {
        try next.complete()
        let before = state.withLock { state in
            defer { (state.serving, state.next) = (next, nil) }
            return state.serving
        }
        if let before { remove(before) }
        logger.notice("Index was made anew", metadata: ["search.index": "\(address.name)"])
    }

    /// Readers that still have it open go on with what they have mapped.
    private func remove(_ build: IndexBuild) {
        do {
            try FileManager.default.removeItem(atPath: build.folder)
        } catch {
            logger.warning("Folder of an index was left", metadata: ["error": "\(error)"])
        }
    }

    /// Brings a making up to what the database has.
    /// - Returns: The index as it is now; `nil` when it was deleted.
    private func advance(
        _ which: any WritableKeyPath<State, IndexBuild?> & Sendable, pagesMax: Int = .max
    ) async throws -> StoredIndex? {
        let key = key
        var pages = 0
        while true {
            guard let build = state.withLock({ $0[keyPath: which] }), !build.isDamaged else {
                return try await database.read { tx in try IndexStore.find(key, tx) }
            }
            let reached = build.reached
            guard let page = try await database.read({ try DocumentStore.page(of: key, after: reached, $0) }) else {
                return nil
            }
            // Another one begins.
            guard !build.isLost(in: page.index) else { return page.index }
            do {
                try build.apply(page.changes.map { try $0.change }, reaching: page.reached)
                if page.isAtEnd, !build.isComplete, which == \.serving { try build.complete() }
                if build.isDue(changes: settings.commitDocuments, after: settings.commitInterval) { try build.commit() }
            } catch let error as SearchError where error.code == .searchIndexDamaged {
                noteDamage(of: build, error)
                return page.index
            }
            tell()
            pages += 1
            if page.isAtEnd || pages >= pagesMax || isClosing { return page.index }
        }
    }

    func noteGone() { state.withLock { $0.isGone = true } }

    // MARK: Looking after

    /// Makes durable what has waited long enough, and merges segments where that is worth it.
    func maintain() {
        guard let build = state.withLock({ $0.isOpened ? $0.serving : nil }), !build.isDamaged else { return }
        do {
            if build.isDue(changes: settings.commitDocuments, after: settings.commitInterval) { try build.commit() }
            var hasMerged = false
            while try build.index.maintain() { hasMerged = true }
            // Space is given back by the commit.
            if hasMerged { try build.index.commit() }
        } catch let error as SearchError where error.code == .searchIndexDamaged {
            noteDamage(of: build, error)
        } catch {
            logger.warning(
                "Index could not be looked after", metadata: ["search.index": "\(address.name)", "error": "\(error)"])
        }
    }

    /// Compares what answers with the database, at one moment of both.
    /// - Throws: `search.sequence_not_reached` when it does not come to rest in time.
    func compare(within limit: Duration) async throws -> Search.Verdict {
        let key = key
        let deadline = ContinuousClock.now + limit
        var differed = 0
        while true {
            let (index, count, fingerprint) = try await database.read { tx in
                guard let index = try IndexStore.find(key, tx) else { throw SearchError.notFound(self.address.name) }
                let sum = try DocumentStore.sum(of: key, tx)
                return (index, sum.count, sum.fingerprint)
            }
            try await reach(index.sequence, within: max(.zero, deadline - .now))
            guard let build = current else { throw SearchError.notFound(address.name) }
            var (found, damage): (SearchIndex.Verification?, String?) = (nil, nil)
            do {
                found = try build.index.verify()
            } catch let error as SearchError where error.code == .searchIndexDamaged {
                damage = error.message
            }
            let isEqual = found?.documentCount == count && found?.fingerprintSum == fingerprint
            // Documents may have changed since: once more, but not for ever.
            if damage == nil, build.reached != index.sequence || !isEqual && differed < 3, .now < deadline {
                differed += 1
                continue
            }
            return Search.Verdict(
                isEqual: isEqual,
                sequence: index.sequence, documents: found?.documentCount ?? 0,
                documentsInDatabase: count, damage: damage)
        }
    }

    /// Begins another making, whatever the one that answers is like.
    func rebuild() {
        state.withLock { $0.serving }?.noteUnwanted()
        want()
    }

    /// Removes what was made of the index. Another of the same name may have folders beside.
    private func removeAll() {
        let files = FileManager.default
        for name in (try? files.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix("\(key)-") {
            // What is left is removed by the sweep.
            try? files.removeItem(atPath: folder + "/" + name)
        }
    }

    /// Ends what is under way, and makes durable what it has come to.
    func close() async {
        state.withLock { $0.isClosing = true }
        while true {
            let wakeUps = changes.wakeUps(for: .searchCopy)
            guard state.withLock({ $0.isWorking }) else { break }
            await CognitionEvents.wait(for: wakeUps, atMost: .milliseconds(100), on: ContinuousClock())
        }
        let builds = state.withLock { state in
            defer { (state.serving, state.next, state.isOpened) = (nil, nil, false) }
            return [state.serving, state.next]
        }
        for build in builds.compactMap(\.self) where !build.isDamaged && !isGone {
            do {
                try build.commit()
            } catch {
                // What is not durable is read again from the database.
                logger.warning(
                    "Index could not be made durable",
                    metadata: ["search.index": "\(address.name)", "error": "\(error)"])
            }
        }
        if isGone { removeAll() }
    }
}

extension SignalTopic {
    /// Of one copy.
    fileprivate static let searchCopy: SignalTopic = "search.copy"
}
