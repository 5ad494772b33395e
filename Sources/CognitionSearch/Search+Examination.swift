import CognitionCore
package import CognitionStorage
import Foundation

/// The copy of an index in a node's folder, as somebody finds it who changes nothing.
package struct IndexExamination: Sendable {
    package let address: IndexAddress
    /// What is wrong with the files, if anything is; then the copy is made anew when it is needed.
    package let damage: String?
    /// Changes that the database has and the files have not; with the server they are caught up on.
    package let behind: Int64
}

extension Search {
    /// Looks at the copies in a folder that no server has open.
    package static func examine(_ folder: String, of database: any Database) async throws -> [IndexExamination] {
        let files = FileManager.default
        func names(_ path: String) -> [String] { ((try? files.contentsOfDirectory(atPath: path)) ?? []).sorted() }
        var found: [IndexExamination] = []
        for workspace in names(folder) {
            for name in names("\(folder)/\(workspace)") {
                for build in names("\(folder)/\(workspace)/\(name)") {
                    let path = "\(folder)/\(workspace)/\(name)/\(build)"
                    // One that was not complete is begun anew.
                    guard let label = IndexBuild.Label(folder: path), label.isComplete else { continue }
                    if let seen = try await examine(label, in: path, of: database) { found.append(seen) }
                }
            }
        }
        return found
    }

    /// - Returns: `nil` for one that is not used any more.
    private static func examine(
        _ label: IndexBuild.Label, in path: String, of database: any Database
    ) async throws -> IndexExamination? {
        let stored = try await database.read { tx -> (index: StoredIndex, settings: SearchSettings)? in
            guard let index = try IndexStore.find(label.key, tx), index.settingsVersion == label.settingsVersion,
                let text = try IndexStore.settings(of: index.key, version: label.settingsVersion, tx)
            else { return nil }
            return (index, try SearchSettings(json: JSONValue(parsing: text)))
        }
        guard let stored else { return nil }
        do {
            let reached = try SearchIndex.examine(path + "/index", settings: stored.settings) {
                try Analyzers.named($0)
            }
            return IndexExamination(
                address: stored.index.address, damage: nil, behind: max(0, stored.index.sequence - reached))
        } catch let error as SearchError {
            return IndexExamination(
                address: stored.index.address, damage: error.message, behind: stored.index.sequence)
        }
    }

    /// How many events of the log each index that the platform keeps of itself has still to look through.
    package static func lags(of database: any Database) async throws -> [(index: String, events: Int64)] {
        try await database.read { tx in
            let end = try tx.first("SELECT MAX(position) FROM events") { try $0[0] as Int64? } ?? nil
            return try tx.query("SELECT name, position FROM search_places ORDER BY name") { row in
                (index: try row[0] as String, events: max(0, (end ?? 0) - (try row[1] as Int64)))
            }
        }
    }
}
