import CognitionCore
import CognitionStorage

/// Runs the whole log through what this build makes of it, before it is deployed: upcasters, and the handlers of
/// projections, whose writes are undone.
package struct LogCheck: Sendable {
    /// What went wrong with events of one type and version in one place.
    package struct Failure: Sendable, Hashable {
        package let type: String
        package let typeVersion: Int
        /// `log`, `upcasters` or `projection NAME`.
        package let part: String
        package var count: Int
        /// Of the first of these events.
        package let position: Int64
        package let error: String
    }

    package struct Report: Sendable {
        /// How many were looked at.
        package var events: Int64 = 0
        /// In the order in which they were found; at most ``LogCheck/failuresMax``.
        package var failures: [Failure] = []
    }

    package static let failuresMax = 1_000
    private static let batch = 256
    /// Rows of it are undone before anybody could see them.
    private static let generation = Generation(number: -1, isRebuild: true)

    /// Undoes what a handler has written.
    private struct DryRun: Error {}

    private let log: EventLog
    private let upcasters: Upcasters
    private let projections: [any Projection]

    package init(_ log: EventLog, upcasters: Upcasters, projections: [any Projection]) {
        self.log = log
        self.upcasters = upcasters
        self.projections = projections
    }

    package func run() async throws -> Report {
        var report = Report()
        var position: Int64 = 0
        while true {
            let page: EventPage
            let start = position
            do {
                page = try await log.readAll(after: start, limit: Self.batch)
            } catch let error as EventError where error.code == .eventDamaged {
                guard let damaged = error.position else { throw error }
                report.note("(unreadable)", 0, "log", damaged, error.message)
                report.events += 1
                position = damaged
                continue
            }
            try await check(page.events, &report)
            position = page.position
            if page.isAtEnd { return report }
        }
    }

    private func check(_ stored: [Event], _ report: inout Report) async throws {
        report.events += Int64(stored.count)
        var events: [Event] = []
        for event in stored {
            do {
                events.append(try upcasters.upcast(event))
            } catch {
                report.note(event.type, event.typeVersion, "upcasters", event.position, error.message)
            }
        }
        for projection in projections {
            let wanted = events.filter(projection.filter.matches)
            guard !wanted.isEmpty, try await failure(of: projection, wanted) != nil else { continue }
            // Which of them it is, and whether there are more.
            for event in wanted {
                guard let error = try await failure(of: projection, [event]) else { continue }
                report.note(
                    event.type, event.typeVersion, "projection \(projection.name)", event.position,
                    (error as? any CodedError)?.message ?? "\(error)")
            }
        }
    }

    /// - Returns: What the handler throws.
    private func failure(of projection: any Projection, _ events: [Event]) async throws -> (any Error)? {
        do {
            try await log.database.write { tx in
                try projection.apply(events, to: Self.generation, in: tx)
                try tx.settle()
                throw DryRun()
            }
            return nil
        } catch is DryRun {
            return nil
        } catch let error as StorageError where error.isTransient {
            throw error
        } catch {
            return error
        }
    }
}

extension LogCheck.Report {
    fileprivate mutating func note(_ type: String, _ version: Int, _ part: String, _ position: Int64, _ error: String) {
        let place = failures.firstIndex { $0.type == type && $0.typeVersion == version && $0.part == part }
        if let place {
            failures[place].count += 1
        } else if failures.count < LogCheck.failuresMax {
            failures.append(
                LogCheck.Failure(
                    type: type, typeVersion: version, part: part, count: 1, position: position, error: error))
        }
    }
}

extension EventFilter {
    /// Whether a reader with this filter gets the event.
    func matches(_ event: Event) -> Bool {
        (workspace == nil || event.workspace == workspace) && (types?.contains(event.type) ?? true)
            && (streamType == nil || event.stream.type == streamType)
            && (streamTypes?.contains(event.stream.type) ?? true) && !hiddenStreamTypes.contains(event.stream.type)
            && (stream == nil || event.stream == stream) && since.map { event.time >= $0 } ?? true
    }
}
