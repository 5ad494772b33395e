package import CognitionCore
import CognitionStorage

/// What has to be done now and then, and what people ask for when they do not trust an index.
extension Search {
    private static let purgedAtOnce = 1_000

    /// Forgets old removals, and what deleted indexes have left.
    package func purge() async throws {
        let moment = clock.now - settings.removalsKept
        // A look costs less than a commit.
        guard try await database.read({ tx in try DocumentStore.hasLeftovers(before: moment, tx) }) else { return }
        while try await database.write({ tx in
            try DocumentStore.purge(before: moment, limit: Self.purgedAtOnce, tx)
        }) == Self.purgedAtOnce {}
        while try await database.write({ tx in try IndexStore.clear(limit: Self.purgedAtOnce, tx) }) {}
    }

    /// What a comparison of this node's copy with the database has found.
    package struct Verdict: Sendable {
        package let isEqual: Bool
        package let sequence: Int64
        package let documents: Int
        package let documentsInDatabase: Int
        /// What is wrong with the files, if anything is.
        package let damage: String?

        package var json: JSONValue {
            [
                "ok": .bool(isEqual), "seq": .integer(sequence), "documents": .integer(Int64(documents)),
                "documents_in_database": .integer(Int64(documentsInDatabase)),
                "damage": damage.map(JSONValue.string) ?? .null,
            ]
        }
    }

    private static let verifyWait: Duration = .seconds(30)

    /// Reads every byte of this node's copy and compares its documents with those of the database; one that differs is made
    /// anew.
    package func verify(_ name: String, as caller: SearchCaller) async throws -> Verdict {
        let copy = try await copies.copy(of: try address(of: name, for: caller))
        _ = try await copy.answering(within: Self.verifyWait)
        let verdict = try await copy.compare(within: Self.verifyWait)
        if !verdict.isEqual { copy.rebuild() }
        return verdict
    }

    /// Returns once nothing is left to do for this node's copy.
    package func settle(_ name: String, as caller: SearchCaller) async throws {
        try await copies.copy(of: try address(of: name, for: caller)).settle(within: .seconds(3_600))
    }

    /// Makes this node's copy anew, while the one before answers.
    package func rebuild(_ name: String, as caller: SearchCaller) async throws {
        let copy = try await copies.copy(of: try address(of: name, for: caller))
        _ = try await copy.answering(within: Self.buildingWait)
        copy.rebuild()
    }
}
