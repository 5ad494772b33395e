import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import Synchronization

/// An archive in memory.
final class Shelf: Archive {
    let files = Mutex<[String: [UInt8]]>([:])
    /// Called before a file is stored or loaded, with its name.
    let before = Mutex<(@Sendable (_ step: String) throws -> Void)?>(nil)

    func store(_ bytes: [UInt8], as name: String) throws {
        try before.withLock { $0 }?("store \(name)")
        files.withLock { $0[name] = bytes }
    }

    func load(_ name: String, bytesMax: Int) throws -> [UInt8]? {
        try before.withLock { $0 }?("load \(name)")
        return files.withLock { $0[name] }
    }

    func has(_ name: String) -> Bool { files.withLock { $0[name] != nil } }

    func discard(_ name: String) throws { files.withLock { $0[name] = nil } }

    var names: [String] { files.withLock { $0.keys.filter { $0.hasSuffix(".gz") }.sorted() } }

    /// Events of all files, in the order of the files.
    func events() throws -> [JSONValue] {
        try names.flatMap { name in
            let lines = try Gzip.unpacked(files.withLock { $0[name] ?? [] }, bytesMax: 64 << 20)
            return try lines.split(separator: UInt8(ascii: "\n")).map { try JSONValue(parsing: Array($0)) }
        }
    }
}

extension EventLog {
    /// The same log with files on a shelf.
    func with(_ shelf: Shelf) -> EventLog { EventLog(database, archives: EventArchives(shelf)) }

    /// Archives by some rules, `days` after the events of the tests.
    @discardableResult
    func archive(
        _ rules: [String] = ["*=30d"], after days: Int = 40, eventsMax: Int = 5_000,
        keepers: [String: EventArchiver.Keeper] = [:]
    ) async throws -> Int {
        let clock = ManualClock()
        clock.advance(by: .seconds(days * 86_400))
        return try await EventArchiver(
            self, retention: EventRetention(rules), keepers: keepers, owner: UUIDGenerator().next(), wallClock: clock,
            eventsMax: eventsMax
        ).archiveDue()
    }

    /// Everything that reading shows, and that it is whole.
    func whole() async throws -> [Event] {
        let events = try await all()
        let report = try await verifyAll()
        precondition(report.isComplete)
        guard report.problems.isEmpty else { throw Damage(problems: report.problems) }
        guard events.map(\.position) == Array(1...Int64(events.count)), try await head() == Int64(events.count) else {
            throw Damage(problems: [])
        }
        return events
    }
}

struct Damage: Error {
    let problems: [LogVerification.Problem]
}
