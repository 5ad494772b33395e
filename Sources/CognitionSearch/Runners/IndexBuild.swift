import CognitionCore
import Foundation
import Synchronization

/// One making of an index on this node: a folder, the settings it was made with, and how far it has come.
///
/// Changed by one task at a time; read by any.
final class IndexBuild: Sendable {
    /// What is kept beside the index: `build.json`.
    struct Label: Sendable {
        let key: Int64
        /// Counts the makings of the index on this node.
        let number: Int
        let settingsVersion: Int64
        /// Removals up to here were forgotten already when the making began, and concern nothing that it has read.
        let purged: Int64
        /// It has had all documents once, and may answer.
        var isComplete = false
    }

    private struct Progress {
        var label: Label
        var reached: Int64
        var uncommitted = 0
        var uncommittedSince: ContinuousClock.Instant?
        var isDamaged = false
        /// Another making is to take its place, though nothing is known to be wrong with this one.
        var isUnwanted = false
    }

    let folder: String
    let settings: SearchSettings
    let index: SearchIndex
    private let words = Mutex<(count: Int, sequence: Int64, at: ContinuousClock.Instant)?>(nil)
    private let progress: Mutex<Progress>

    var label: Label { progress.withLock { $0.label } }
    /// The changes up to here are in the index.
    var reached: Int64 { progress.withLock { $0.reached } }
    var isComplete: Bool { progress.withLock { $0.label.isComplete } }
    var isDamaged: Bool { progress.withLock { $0.isDamaged } }
    /// Whether another making has to begin.
    var hasToGo: Bool { progress.withLock { $0.isDamaged || $0.isUnwanted } }

    /// - Throws: `search.index_damaged` for what was there and is of no use.
    init(_ label: Label, settings: SearchSettings, in folder: String) throws {
        self.folder = folder
        self.settings = settings
        index = try SearchIndex(folder: folder + "/index", settings: settings) { try Analyzers.named($0) }
        switch index.beginning {
        case .found: break
        case .empty:
            guard !label.isComplete else {
                throw SearchError(.searchIndexDamaged, "the files of the index are gone")
            }
        case .anew(let reason): throw SearchError(.searchIndexDamaged, reason)
        }
        progress = Mutex(Progress(label: label, reached: index.sequence))
    }

    private static let wordsLife: Duration = .seconds(10)

    /// Different words, as they were counted a moment ago, since all dictionaries are gone through for that.
    var vocabularySize: Int {
        let known = words.withLock { $0 }
        let sequence = index.sequence
        if let known, known.sequence == sequence || .now - known.at < Self.wordsLife { return known.count }
        // What is damaged is told by who searches.
        let count = (try? index.snapshot().vocabularySize()) ?? 0
        words.withLock { $0 = (count, sequence, .now) }
        return count
    }

    /// Whether it cannot go on from where it is: removals were forgotten that it has not heard of, or it is ahead of the
    /// database, which somebody has replaced by an older one.
    func isLost(in index: StoredIndex) -> Bool {
        progress.withLock { progress in
            progress.reached > index.sequence
                || progress.reached > 0 && index.purged > max(progress.reached, progress.label.purged)
        }
    }

    func apply(_ changes: [DocumentChange], reaching sequence: Int64) throws {
        if !changes.isEmpty { try index.apply(changes) }
        index.advance(to: sequence)
        progress.withLock { progress in
            progress.reached = max(progress.reached, sequence)
            progress.uncommitted += changes.count
            if progress.uncommittedSince == nil, !changes.isEmpty { progress.uncommittedSince = .now }
        }
    }

    /// Whether there is something to be made durable: so many changes, or some for so long.
    func isDue(changes: Int, after interval: Duration) -> Bool {
        progress.withLock { progress in
            guard let since = progress.uncommittedSince else { return false }
            return progress.uncommitted >= changes || .now - since >= interval
        }
    }

    func commit() throws {
        let count = progress.withLock { $0.uncommitted }
        guard count > 0 else { return }
        try index.commit()
        progress.withLock { progress in
            // More may have come meanwhile.
            progress.uncommitted -= count
            progress.uncommittedSince = progress.uncommitted > 0 ? .now : nil
        }
    }

    func complete() throws {
        try commit()
        let label = progress.withLock { progress in
            progress.label.isComplete = true
            return progress.label
        }
        try label.write(to: folder)
    }

    func noteUnwanted() { progress.withLock { $0.isUnwanted = true } }
    func noteDamage() { progress.withLock { $0.isDamaged = true } }
}

extension IndexBuild.Label {
    private static let file = "/build.json"

    var folderName: String { "\(key)-\(number)" }

    /// `nil` for what is no folder of a build.
    init?(folder: String) {
        guard let bytes = FileManager.default.contents(atPath: folder + Self.file),
            let json = try? JSONValue(parsing: String(decoding: bytes, as: UTF8.self)),
            let key = json["index_key"]?.integerValue, let number = json["number"]?.integerValue,
            let version = json["settings_version"]?.integerValue, let purged = json["purged"]?.integerValue
        else { return nil }
        self.init(
            key: key, number: Int(number), settingsVersion: version, purged: purged,
            isComplete: json["complete"]?.boolValue ?? false)
    }

    func write(to folder: String) throws {
        let json: JSONValue = [
            "index_key": .integer(key), "number": .integer(Int64(number)),
            "settings_version": .integer(settingsVersion), "purged": .integer(purged), "complete": .bool(isComplete),
        ]
        let path = folder + Self.file
        try Data(json.jsonBytes).write(to: URL(fileURLWithPath: path + ".new"))
        // One or the other is there after a crash; one that says less than is so costs a further making at most.
        guard rename(path + ".new", path) == 0 else {
            throw SearchError(.searchIndexDamaged, "the label of an index could not be written: error \(errno)")
        }
    }
}
