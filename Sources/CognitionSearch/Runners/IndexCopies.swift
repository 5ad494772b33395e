import CognitionCore
import CognitionStorage
import Foundation
import Logging
import Synchronization

/// The copies of indexes that this node has open, opened on demand; those that were used longest ago are closed where there are
/// too many.
package final class IndexCopies: Sendable {
    private struct State {
        var copies: [IndexAddress: IndexCopy] = [:]
        /// `nil` until something is opened.
        var thread: OwnThread?
        var isClosed = false
    }

    private let database: any Database
    private let folder: String
    private let settings: Search.Settings
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameter folder: Of this node alone.
    init(database: any Database, folder: String, settings: Search.Settings, logger: Logger) {
        self.database = database
        self.folder = folder
        self.settings = settings
        self.logger = logger
    }

    package var openCount: Int { state.withLock { $0.copies.count } }
    var all: [IndexCopy] { state.withLock { Array($0.copies.values) } }

    /// What is open already.
    func opened(_ address: IndexAddress) -> IndexCopy? {
        state.withLock { state in state.copies[address].flatMap { $0.isClosing || $0.isGone ? nil : $0 } }
    }

    /// - Throws: `search.index_not_found`.
    func copy(of address: IndexAddress) async throws -> IndexCopy {
        while true {
            if let copy = opened(address) { return copy }
            let index = try await database.read { tx in try IndexStore.existing(address, tx) }
            if let copy = take(index) { return copy }
            guard !state.withLock({ $0.isClosed }) else {
                throw SearchError(.searchIndexBuilding, "the program is ending")
            }
            if let other = stale(beside: index) {
                await discard(other)
            } else {
                // The one before is being closed.
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    /// The copy of an index of the same name that was deleted.
    private func stale(beside index: StoredIndex) -> IndexCopy? {
        state.withLock { state in
            state.copies[index.address].flatMap { $0.isGone || $0.key != index.key ? $0 : nil }
        }
    }

    /// - Returns: `nil` while another one of the address is open, or everything is closed.
    private func take(_ index: StoredIndex) -> IndexCopy? {
        state.withLock { state in
            if let copy = state.copies[index.address] {
                return copy.key == index.key && !copy.isClosing && !copy.isGone ? copy : nil
            }
            guard !state.isClosed else { return nil }
            let thread = state.thread ?? OwnThread("search")
            state.thread = thread
            let copy = IndexCopy(
                index, database: database, folder: path(of: index.address), settings: settings,
                thread: thread, logger: logger)
            state.copies[index.address] = copy
            return copy
        }
    }

    /// Lets the copy of an index catch up, and opens it where that was not done: who writes into one will look for it here.
    func want(_ index: StoredIndex) { take(index)?.want() }

    func path(of address: IndexAddress) -> String {
        // Names of workspaces are ids, or words; whatever else one may be stays below the folder.
        let workspace = String(
            address.workspace.name.map { $0.isLetter && $0.isASCII || $0.isNumber || "-_".contains($0) ? $0 : "." })
        return "\(folder)/\(workspace)/\(address.name)"
    }

    /// Closes copies of indexes that are gone, that nobody has used for long, and that are too many.
    package func tidy() async {
        let now = ContinuousClock.now
        var sorted = all.sorted { $0.usedAt > $1.usedAt }
        let gone = sorted.filter(\.isGone)
        sorted.removeAll(where: \.isGone)
        let old = sorted.enumerated().filter { place, copy in
            place >= settings.openMax || now - copy.usedAt > settings.idle && !copy.isRebuilding
        }
        for copy in gone + old.map(\.element) { await close(copy) }
    }

    /// Removes what indexes have left that were deleted while nobody had them open here.
    func sweep() async throws {
        let files = FileManager.default
        var found: [Int64: [String]] = [:]
        for workspace in (try? files.contentsOfDirectory(atPath: folder)) ?? [] {
            for name in (try? files.contentsOfDirectory(atPath: "\(folder)/\(workspace)")) ?? [] {
                let path = "\(folder)/\(workspace)/\(name)"
                for build in (try? files.contentsOfDirectory(atPath: path)) ?? [] {
                    guard let key = build.split(separator: "-").first.flatMap({ Int64($0) }) else { continue }
                    found[key, default: []].append("\(path)/\(build)")
                }
            }
        }
        guard !found.isEmpty else { return }
        let keys = Array(found.keys)
        let there = Set(try await database.read { tx in try IndexStore.find(keys, tx).map(\.key) })
        for (key, paths) in found where !there.contains(key) {
            for path in paths { try files.removeItem(atPath: path) }
        }
    }

    func close(_ copy: IndexCopy) async {
        await copy.close()
        state.withLock { state in
            if state.copies[copy.address] === copy { state.copies[copy.address] = nil }
        }
    }

    /// Of an index that was deleted here.
    func discard(_ copy: IndexCopy) async {
        copy.noteGone()
        await close(copy)
    }

    func close() async {
        state.withLock { $0.isClosed = true }
        for copy in all { await close(copy) }
        state.withLock { $0.thread }?.stop()
    }
}
