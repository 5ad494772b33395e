import CognitionCore
import CognitionEvents
import CognitionStorage
import Foundation
import Logging
import Synchronization

/// What is done for a copy now and then, and at its end.
extension IndexCopy {
    /// Makes durable what has waited long enough, and merges segments where that is worth it.
    func maintain() {
        guard let build = state.withLock({ $0.isOpened ? $0.serving : nil }), !build.isDamaged else { return }
        do {
            if build.isDue(changes: settings.commitDocuments, after: settings.commitInterval) { try build.commit() }
            var hasMerged = false
            while try build.index.maintain() { hasMerged = true }
            // Space is given back by the commit.
            if hasMerged { try build.index.commit() }
        } catch let error as SearchError where error.code == .searchIndexDamaged {
            noteDamage(of: build, error)
        } catch {
            logger.warning(
                "Index could not be looked after", metadata: ["search.index": "\(address.name)", "error": "\(error)"])
        }
    }

    /// Compares what answers with the database, at one moment of both.
    /// - Throws: `search.sequence_not_reached` when it does not come to rest in time.
    func compare(within limit: Duration) async throws -> Search.Verdict {
        let key = key
        let deadline = ContinuousClock.now + limit
        var differed = 0
        while true {
            let (index, count, fingerprint) = try await database.read { tx in
                guard let index = try IndexStore.find(key, tx) else { throw SearchError.notFound(self.address.name) }
                let sum = try DocumentStore.sum(of: key, tx)
                return (index, sum.count, sum.fingerprint)
            }
            try await reach(index.sequence, within: max(.zero, deadline - .now))
            guard let build = current else { throw SearchError.notFound(address.name) }
            var (found, damage): (SearchIndex.Verification?, String?) = (nil, nil)
            do {
                found = try build.index.verify()
            } catch let error as SearchError where error.code == .searchIndexDamaged {
                damage = error.message
            }
            let isEqual = found?.documentCount == count && found?.fingerprintSum == fingerprint
            // Documents may have changed since: once more, but not for ever.
            if damage == nil, build.reached != index.sequence || !isEqual && differed < 3, .now < deadline {
                differed += 1
                continue
            }
            return Search.Verdict(
                isEqual: isEqual,
                sequence: index.sequence, documents: found?.documentCount ?? 0,
                documentsInDatabase: count, damage: damage)
        }
    }

    /// Begins another making, whatever the one that answers is like.
    func rebuild() {
        state.withLock { $0.serving }?.noteUnwanted()
        want()
    }

    /// Removes what was made of the index. Another of the same name may have folders beside.
    private func removeAll() {
        let files = FileManager.default
        for name in (try? files.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix("\(key)-") {
            // What is left is removed by the sweep.
            try? files.removeItem(atPath: folder + "/" + name)
        }
    }

    /// Ends what is under way, and makes durable what it has come to.
    func close() async {
        state.withLock { $0.isClosing = true }
        while true {
            let wakeUps = changes.wakeUps(for: .searchCopy)
            guard state.withLock({ $0.isWorking }) else { break }
            await CognitionEvents.wait(for: wakeUps, atMost: .milliseconds(100), on: ContinuousClock())
        }
        let builds = state.withLock { state in
            defer { (state.serving, state.next, state.isOpened) = (nil, nil, false) }
            return [state.serving, state.next]
        }
        for build in builds.compactMap(\.self) where !build.isDamaged && !isGone {
            do {
                try build.commit()
            } catch {
                // What is not durable is read again from the database.
                logger.warning(
                    "Index could not be made durable",
                    metadata: ["search.index": "\(address.name)", "error": "\(error)"])
            }
        }
        if isGone { removeAll() }
    }
}
