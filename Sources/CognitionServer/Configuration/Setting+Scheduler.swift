import CognitionCore

/// When jobs run, and how many at once.
extension Setting {
    static let jobsPerQueue = Setting(
        "SCHEDULER_MAX_CONCURRENT_JOBS", .number(1...10_000), standard: "10",
        "Jobs that run at once in a queue that says nothing else, on all nodes together.")
    static let jobsPerNode = Setting(
        "SCHEDULER_NODE_CONCURRENCY", .number(1...10_000), standard: "256",
        "Jobs that run at once on this node, in all queues together.")
    static let jobsPerWorkspace = Setting(
        "SCHEDULER_WORKSPACE_CONCURRENCY", .number(0...100_000), standard: "0",
        "Jobs of one workspace that run at once, in all its queues and on all nodes together; 0 for no bound.")
    static let schedulerHeartbeat = Setting(
        "SCHEDULER_HEARTBEAT_INTERVAL", .duration(.seconds(1)...(.seconds(300)), bare: .seconds), standard: "10s",
        "How often a node says what it runs, and looks for jobs of nodes that are gone.")
    static let jobTimeout = Setting(
        "SCHEDULER_JOB_TIMEOUT", .duration(.seconds(1)...(.seconds(2_592_000)), bare: .seconds), standard: "3600s",
        "How long an attempt at a job may take where neither the job nor its queue says so.")

    static let scheduler = [jobsPerQueue, jobsPerNode, jobsPerWorkspace, schedulerHeartbeat, jobTimeout]
}
