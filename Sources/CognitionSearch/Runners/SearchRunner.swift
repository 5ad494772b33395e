import CognitionCore
import CognitionEvents
import CognitionStorage
package import Logging
import Synchronization

/// Keeps this node's copies of indexes up to date, and clears away what is not needed any more.
///
/// It wakes after each commit that has changed documents; beside other nodes it looks every second as well, as a wake-up may
/// be lost.
package struct SearchRunner: Sendable {
    private let search: Search
    private let logger: Logger

    package init(_ search: Search, logger: Logger) {
        self.search = search
        self.logger = logger
    }

    private var settings: Search.Settings { search.settings }
    private var database: any Database { search.database }

    /// Runs until the task is cancelled, and then makes durable what the copies know.
    package func run() async throws {
        // Merges take long, and nobody waits for them.
        let merging = OwnThread("search.merge")
        defer { merging.stop() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await follow() }
            group.addTask(executorPreference: merging) {
                while !Task.isCancelled {
                    await merging.sleep(for: settings.commitInterval / 4)
                    maintain()
                }
            }
            group.addTask { await tick(every: .seconds(10)) { await search.copies.tidy() } }
            group.addTask { await tick(every: .seconds(3_600), atOnce: true) { try await search.copies.sweep() } }
            group.addTask { await tick(every: settings.purgeInterval) { try await search.purge() } }
            group.addTask { await tick(every: settings.analyticsInterval) { try await search.flushAnalytics() } }
            await group.waitForAll()
        }
        // Unstructured, because the last writes must not be cancelled with the task.
        await Task {
            try? await search.flushAnalytics()
            await search.copies.close()
        }.value
    }

    private func follow() async {
        let polling: Duration = database.isShared ? .seconds(1) : .seconds(30)
        while !Task.isCancelled {
            // Made before the look, so that what comes during it wakes.
            let wakeUps = database.signals.wakeUps(for: .searchDocuments)
            do {
                try await wantBehind()
            } catch {
                // A database that does not answer is told of by others, and is asked again.
                logger.debug("Indexes not looked at", metadata: ["error": "\(error)"])
            }
            await wait(for: wakeUps, atMost: polling, on: ContinuousClock())
        }
    }

    /// Lets those copies catch up of which the database knows more.
    private func wantBehind() async throws {
        let copies = search.copies.all
        guard !copies.isEmpty else { return }
        let keys = copies.map(\.key)
        let indexes = try await database.read { tx in try IndexStore.find(keys, tx) }
        let found = Dictionary(indexes.map { ($0.key, $0) }) { first, _ in first }
        for copy in copies {
            // One whose index is gone finds that out by itself.
            guard found[copy.key].map({ copy.isBehind($0) }) ?? true else { continue }
            copy.want()
        }
    }

    private func maintain() {
        for copy in search.copies.all { copy.maintain() }
        search.metrics.record(search.overview)
    }

    private func tick(every interval: Duration, atOnce: Bool = false, _ body: () async throws -> Void) async {
        var waits = !atOnce
        while !Task.isCancelled {
            // Ends early when the task is cancelled, as the loop does then.
            if waits { try? await Task.sleep(for: interval) }
            waits = true
            guard !Task.isCancelled else { return }
            do {
                try await body()
            } catch {
                logger.debug("Search is looked after later", metadata: ["error": "\(error)"])
            }
        }
    }
}
