import CognitionCore
import CognitionStorage
import Foundation
import Logging
import Synchronization

/// Catching up, and being made anew: done by one task at a time.
extension IndexCopy {
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

    func work() async {
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

    func tell() { changes.wakeHere([.searchCopy]) }

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
}
