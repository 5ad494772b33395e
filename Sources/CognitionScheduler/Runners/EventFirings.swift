import CognitionCore
import CognitionEvents
import CognitionStorage
import Logging
package import Metrics

/// Makes the runs of schedules that wait for events: a subscriber of the log whose place commits with the runs, so each event
/// makes each run exactly once, whichever node reads it.
package struct EventFirings: Sendable {
    private let scheduler: Scheduler
    private let metrics: any MetricsFactory

    package init(_ scheduler: Scheduler, metrics: any MetricsFactory = MetricsSystem.factory) {
        self.scheduler = scheduler
        self.metrics = metrics
    }

    /// Runs until the task is cancelled, and then returns.
    /// - Throws: What the database throws when it is closed.
    package func run() async throws {
        while !Task.isCancelled {
            do {
                try await follow()
            } catch is CancellationError {
                return
            } catch let error as StorageError where error.code != .storageClosed {
                // What does not answer now is asked again; the runner of jobs tells of it.
                await wait(
                    for: scheduler.database.signals.wakeUps(for: .jobsDue), atMost: .seconds(1), on: ContinuousClock())
            }
        }
    }

    /// Follows the log until schedules wait for other events.
    private func follow() async throws {
        guard let filter = try await filter() else {
            _ = try await scheduler.database.write { tx in try ScheduleStore.unfollow(tx) }
            return try await waitForChange(of: nil)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner(filter).run() }
            group.addTask { try await waitForChange(of: filter) }
            try await group.next()
            group.cancelAll()
        }
    }

    /// What is waited for by any schedule, so that the log is asked for no more; `nil` when nothing is.
    private func filter() async throws -> EventFilter? {
        let types = try await scheduler.database.read { tx in
            try tx.query(
                """
                SELECT DISTINCT event_type FROM job_schedules WHERE event_type IS NOT NULL
                ORDER BY event_type LIMIT \(EventFilter.typesMax + 1)
                """
            ) { try $0[0] as String }
        }
        guard !types.isEmpty else { return nil }
        guard types.count <= EventFilter.typesMax, !types.contains(where: { $0.hasSuffix("*") }) else { return .all }
        return EventFilter(types: types)
    }

    /// Returns when schedules wait for other types.
    private func waitForChange(of filter: EventFilter?) async throws {
        while !Task.isCancelled {
            // Made before each look, so that what comes during it wakes; a wait that is over ends its stream.
            let wakeUps = scheduler.database.signals.wakeUps(for: .jobsDue)
            do {
                if try await self.filter() != filter { return }
            } catch let error as StorageError where error.code == .storageClosed {
                throw error
            } catch {
                // A database that does not answer is told of by the subscription.
            }
            await wait(for: wakeUps, atMost: .seconds(5), on: ContinuousClock())
        }
    }

    private func runner(_ filter: EventFilter) throws -> SubscriptionRunner {
        let scheduler = scheduler
        return SubscriptionRunner(
            try Subscription(ScheduleStore.subscription, filter: filter, startAt: .end), database: scheduler.database,
            wallClock: scheduler.clock, failurePolicy: .skip, metrics: metrics
        ) { events, tx in
            let log = JobLog(now: scheduler.clock.now, ids: scheduler.ids)
            var waiting: [WorkspaceID: [StoredSchedule]] = [:]
            var firings: [(stored: StoredSchedule, event: Event)] = []
            for event in events {
                let schedules =
                    try waiting[event.workspace] ?? ScheduleStore.waitingForEvents(in: event.workspace, tx)
                waiting[event.workspace] = schedules
                firings += schedules.filter { $0.isFired(by: event) }.map { ($0, event) }
            }
            try ScheduleStore.hold(firings.map(\.stored.key), tx)
            // The keys of the runs that they end and make.
            if firings.count > 1 { try Claim.lock(tx) }
            for (stored, event) in firings where try !ScheduleStore.fire(stored, at: nil, input: event.asInput, log, tx)
            {
                try ScheduleStore.noteSkipped(1, of: stored.key, tx)
            }
        }
    }
}

extension StoredSchedule {
    fileprivate func isFired(by event: Event) -> Bool {
        guard workspace == event.workspace, through <= event.time, schedule.isOpen(at: event.time),
            case .on(let trigger) = schedule.trigger, trigger.matches(event)
        else { return false }
        // The ends of its own runs would make it go on for ever.
        return event.data["schedule_id"] != .string(id) || event.stream.type != JobEvent.streamType
    }
}

extension Event {
    /// What a job is given of the event that lets it run.
    fileprivate var asInput: JSONValue {
        [
            "position": .integer(position), "type": .string(type), "time": .string(time.description),
            "stream_type": .string(stream.type), "stream_id": .string(stream.id), "data": data,
        ]
    }
}
