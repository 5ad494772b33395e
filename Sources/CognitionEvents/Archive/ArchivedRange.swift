package import CognitionCore
import CognitionStorage

/// What the database notes of one file of events that have left it.
///
/// Positions between the first and the last that are not in it are in the log or in another file.
package struct ArchivedRange: Sendable, Hashable {
    /// From 1, in the order in which files were made.
    package let number: Int64
    /// The file.
    package let name: String
    package let firstPosition: Int64
    package let lastPosition: Int64
    /// How many there are.
    package let events: Int
    package let firstTime: Timestamp
    package let lastTime: Timestamp
    /// Of the file as it lies.
    package let bytes: Int
    package let sha256: SHA256Digest
    package let archivedAt: Timestamp
    /// None of its events is in the database any more.
    package internal(set) var isDeleted: Bool

    package var positions: ClosedRange<Int64> { firstPosition...lastPosition }

    /// Of the file that lies beside it.
    static func manifestName(of name: String) -> String { name + ".manifest.json" }

    /// What is in the manifest beside the file, for whoever has no database.
    package var manifest: JSONValue {
        [
            "format": 1, "number": .integer(number), "file": .string(name), "first_position": .integer(firstPosition),
            "last_position": .integer(lastPosition), "events": .integer(Int64(events)),
            "first_time": .string(firstTime.description), "last_time": .string(lastTime.description),
            "bytes": .integer(Int64(bytes)), "sha256": .string(sha256.description),
            "archived_at": .string(archivedAt.description),
        ]
    }
}

extension ArchivedRange {
    static let columns: StaticString = """
        number, name, first_position, last_position, events, first_time, last_time, bytes, sha256, archived_at, is_deleted
        """

    init(row: borrowing Row) throws {
        guard let digest = SHA256Digest(bytes: try row[8]) else {
            throw EventError(.eventDamaged, "the digest of an archive does not have 32 bytes")
        }
        number = try row[0]
        name = try row[1]
        firstPosition = try row[2]
        lastPosition = try row[3]
        events = try row[4]
        firstTime = try row[5]
        lastTime = try row[6]
        bytes = try row[7]
        sha256 = digest
        archivedAt = try row[9]
        isDeleted = try row[10]
    }
}

/// The versions of one stream that lie in one file; those of a stream go from its first on, so there is no gap in them.
struct ArchivedStream: Sendable, Hashable {
    let streamKey: Int64
    let firstVersion: Int64
    var lastVersion: Int64
}

/// How far archiving has looked.
struct ArchiveLook: Sendable {
    /// Up to here, everything that the smallest age lets go has gone or is held.
    var position: Int64
    /// When it has last looked at everything.
    var everythingAt: Timestamp
    /// ``EventRetention/digest`` of the rules; `nil` before the first look.
    var rules: [UInt8]?
}
