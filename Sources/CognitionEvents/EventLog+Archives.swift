import CognitionStorage

/// What has left the database.
extension EventLog {
    /// What the database notes of the files, by number.
    /// - Parameter limit: 1...1,000.
    package func archivedRanges(after number: Int64 = 0, limit: Int = 1_000) async throws -> [ArchivedRange] {
        try await database.read {
            try ArchivedRangeStore.list(after: number, limit: min(max(limit, 1), EventReader.limitMax), in: $0)
        }
    }

    /// The lines of one file, each an event.
    /// - Throws: `event.archive_unknown`, `event.archived` when it is not at hand, `event.damaged`.
    package func archivedLines(_ number: Int64) async throws -> [UInt8] {
        guard let range = try await database.read({ try ArchivedRangeStore.range(number, in: $0) }) else {
            throw EventError(.archiveUnknown, "there is no archive \(number)")
        }
        return try await archives.file(range).text()
    }

    /// The last position that everybody who follows the log has passed, and the name of who is there if it is not the end:
    /// nothing after it is archived.
    package func passed() async throws -> (position: Int64, by: String?) {
        try await database.read { try ArchivedRangeStore.passed(in: $0) }
    }
}
