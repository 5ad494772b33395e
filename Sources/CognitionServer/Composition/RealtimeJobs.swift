import CognitionCore
import CognitionRealtime
import CognitionScheduler

/// Tells real-time connections how jobs are doing.
struct RealtimeJobs: JobSource {
    let scheduler: Scheduler

    func job(_ id: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
        let (view, position) = try await scheduler.jobSnapshot(id, in: workspace)
        var data = view.json.objectValue ?? [:]
        data["job_id"] = .string(view.id)
        return TopicSnapshot(data: data, position: position)
    }

    func queue(_ name: String, in workspace: WorkspaceID) async throws -> TopicSnapshot {
        let (view, position) = try await scheduler.queueSnapshot(name, in: workspace)
        var data = view.objectValue ?? [:]
        data["queue"] = .string(name)
        return TopicSnapshot(data: data, position: position)
    }

    func jobs(in workspace: WorkspaceID) async throws -> TopicSnapshot {
        let (queues, position) = try await scheduler.queueSnapshots(in: workspace)
        return TopicSnapshot(data: ["queues": .array(queues)], position: position)
    }
}
