import CognitionCore
package import CognitionEvents
import CognitionStorage
package import Logging

/// Keeps an index of the platform: reads the log from its place on, and commits that place with the documents, so that no
/// change is missed and none written twice. Several nodes may do so; one moves, the others follow.
///
/// A document is made of how its subject is when the event is read, not of how it was then; what comes in quick succession is
/// so made a document once.
package struct SourceRunner: Sendable {
    private static let eventsMax = 500
    /// How long it stands still at the end of the log.
    private static let rest: Duration = .seconds(1)
    /// Positions without an event of its own after which the place is stored all the same.
    private static let silentPositionsMax: Int64 = 1_000

    private let search: Search
    private let log: EventLog
    private let source: any SearchSource
    private let rest: Duration
    private let logger: Logger

    package init(
        _ source: any SearchSource, for search: Search, log: EventLog, rest: Duration = Self.rest, logger: Logger
    ) {
        self.source = source
        self.search = search
        self.log = log
        self.rest = rest
        self.logger = logger
    }

    /// Runs until the task is cancelled.
    package func run() async throws {
        var failures = 0
        while !Task.isCancelled {
            do {
                try await step()
                failures = 0
            } catch is CancellationError {
                return
            } catch let error as StorageError where error.code == .storageClosed {
                throw error
            } catch {
                failures += 1
                logger.warning(
                    "Index of the platform waits", metadata: ["search.index": "\(source.index)", "error": "\(error)"])
                // Ends early when the task is cancelled, as the loop does then.
                try? await Task.sleep(for: min(.seconds(30), .milliseconds(200) * (1 << min(failures, 8))))
            }
        }
    }

    private func step() async throws {
        let wakeUps = search.database.signals.wakeUps(for: .log)
        let place = try await place()
        let page = try await log.readAll(after: place, limit: Self.eventsMax, filter: source.filter)
        if !page.events.isEmpty || page.position - place >= Self.silentPositionsMax {
            try await handle(page, from: place)
        }
        guard page.isAtEnd else { return }
        if page.events.isEmpty {
            await wait(for: wakeUps, atMost: .seconds(5), on: ContinuousClock())
        }
        try await Task.sleep(for: rest)
    }

    private func place() async throws -> Int64 {
        let source = source
        let found = try await search.database.read { tx in
            try tx.first("SELECT position, revision FROM search_places WHERE name = \(source.index)") { row in
                (position: try row[0] as Int64, revision: try row[1] as Int64)
            }
        }
        if let found, found.revision == source.revision { return found.position }
        try await search.database.write { tx in
            try tx.execute(
                """
                INSERT INTO search_places (name, position, revision) VALUES (\(source.index), 0, \(source.revision))
                ON CONFLICT (name) DO UPDATE SET position = 0, revision = excluded.revision
                WHERE search_places.revision <> excluded.revision
                """)
        }
        return 0
    }

    /// Writes what the events tell of, and the place behind them.
    private func handle(_ page: EventPage, from place: Int64) async throws {
        var documents: [WorkspaceID: [PreparedDocument]] = [:]
        for subject in try await source.subjects(of: page.events) {
            try Task.checkCancellation()
            let prepared = try await prepare(subject)
            documents[subject.workspace, default: []].append(prepared)
        }
        let (search, source) = (search, source)
        let settings = source.settings.json.jsonText
        let sorted = documents.sorted { $0.key.name < $1.key.name }
        try await search.database.write { tx in
            let moved = try tx.execute(
                """
                UPDATE search_places SET position = \(page.position)
                WHERE name = \(source.index) AND position = \(place) AND revision = \(source.revision)
                """)
            // Another node was faster.
            guard moved == 1 else { return }
            for (workspace, documents) in sorted {
                let address = IndexAddress(source.index, in: workspace)
                let index = try search.ensure(address, settings: settings, tx)
                _ = search.put(documents, into: index, in: tx)
            }
        }
    }

    /// One that cannot be made a document of is left out, and the others follow.
    private func prepare(_ subject: SearchSubject) async throws -> PreparedDocument {
        do {
            guard let document = try await source.document(of: subject) else { return .removal(of: subject.id) }
            return try search.prepare(document)
        } catch let error as any CodedError where error.category != .unavailable {
            logger.error(
                "No document could be made",
                metadata: ["search.index": "\(source.index)", "error": "\(error.code.name)"])
            return .removal(of: subject.id)
        }
    }
}

extension Search {
    /// An index of the platform, made or brought to these settings where it is not so.
    func ensure(_ address: IndexAddress, settings: String, _ tx: borrowing Transaction) throws -> StoredIndex {
        let actor = "search"
        guard let index = try IndexStore.find(address, tx) else {
            return try IndexStore.create(address, settings: settings, by: actor, now: clock.now, tx)
        }
        guard try IndexStore.settings(of: index.key, version: index.settingsVersion, tx) != settings,
            let held = try IndexStore.hold(address, tx)
        else { return index }
        return try IndexStore.change(held, to: settings, by: actor, now: clock.now, tx)
    }

    /// Writes documents of the platform that come with the program, and removes those that do not any more.
    package func replace(
        _ documents: [SearchDocument], of index: String, settings: SearchSettings
    ) async throws {
        let prepared = try documents.map(prepare)
        let names = Set(documents.map(\.id))
        let (address, text) = (IndexAddress(index, in: .platform), settings.json.jsonText)
        try await database.write { tx in
            let index = try ensure(address, settings: text, tx)
            let gone = try DocumentStore.all(of: index.key, tx).filter { !names.contains($0) }
            _ = put(prepared + gone.map(PreparedDocument.removal), into: index, in: tx)
        }
    }
}
