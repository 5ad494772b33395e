import CognitionCore
import CognitionStorage
import Metrics
import Synchronization

/// What running jobs are measured by: `scheduler.jobs` (attempts that have ended), `scheduler.jobs.success`,
/// `scheduler.jobs.failed`, `scheduler.jobs.dead` (dead letters), `scheduler.execution.duration` and
/// `scheduler.wait.duration` (seconds), each by queue and kind;
/// and `scheduler.schedules.parked`, schedules that were paused because they could not be fired.
final class JobMetrics: Sendable {
    private struct Lane: Hashable {
        let queue: String
        let kind: String
    }

    private struct Handles {
        let total: Counter
        let success: Counter
        let failed: Counter
        let dead: Counter
        let duration: Metrics.Timer
        let wait: Metrics.Timer
    }

    /// Names of queues are their users'; what comes after so many different ones counts as one.
    private static let lanesMax = 200
    private let factory: any MetricsFactory
    private let lanes = Mutex<[Lane: Handles]>([:])

    private let parked: Counter

    init(_ factory: any MetricsFactory) {
        self.factory = factory
        parked = Counter(label: "scheduler.schedules.parked", factory: factory)
    }

    func noteParked() { parked.increment() }

    func record(_ end: AttemptEnd) {
        let handles = handles(of: Lane(queue: end.job.queue, kind: end.job.kind))
        handles.total.increment()
        switch end.next {
        case .completed: handles.success.increment()
        case .again(_, counts: true), .ended(.failed): handles.failed.increment()
        case .ended(.dead):
            handles.failed.increment()
            handles.dead.increment()
        case .again, .ended: break
        }
        handles.duration.record(duration: end.endedAt - end.job.startedAt)
        handles.wait.record(duration: max(.zero, end.job.startedAt - end.job.runAt))
    }

    /// Of a job whose process was gone; what it took is not known.
    func record(lost end: AttemptEnd) {
        guard case .ended(.dead) = end.next else { return }
        handles(of: Lane(queue: end.job.queue, kind: end.job.kind)).dead.increment()
    }

    private func handles(of lane: Lane) -> Handles {
        lanes.withLock { lanes in
            if let found = lanes[lane] { return found }
            let lane = lanes.count < Self.lanesMax ? lane : Lane(queue: "other", kind: "other")
            if let found = lanes[lane] { return found }
            let made = make(lane)
            lanes[lane] = made
            return made
        }
    }

    private func make(_ lane: Lane) -> Handles {
        let dimensions = [("queue", lane.queue), ("kind", lane.kind)]
        return Handles(
            total: Counter(label: "scheduler.jobs", dimensions: dimensions, factory: factory),
            success: Counter(label: "scheduler.jobs.success", dimensions: dimensions, factory: factory),
            failed: Counter(label: "scheduler.jobs.failed", dimensions: dimensions, factory: factory),
            dead: Counter(label: "scheduler.jobs.dead", dimensions: dimensions, factory: factory),
            duration: Metrics.Timer(label: "scheduler.execution.duration", dimensions: dimensions, factory: factory),
            wait: Metrics.Timer(label: "scheduler.wait.duration", dimensions: dimensions, factory: factory))
    }
}
