import CognitionScheduler

extension ServerConfiguration {
    var scheduler: Scheduler.Settings {
        var settings = Scheduler.Settings()
        settings.queueConcurrency = number(.jobsPerQueue)
        let perWorkspace = number(.jobsPerWorkspace)
        settings.workspaceConcurrency = perWorkspace == 0 ? nil : perWorkspace
        settings.timeout = duration(.jobTimeout)
        return settings
    }

    var jobRunner: JobRunner.Settings {
        var settings = JobRunner.Settings()
        settings.slots = number(.jobsPerNode)
        settings.heartbeat = duration(.schedulerHeartbeat)
        // Jobs end before the rest of the server is cut off.
        settings.grace = duration(.shutdownTimeout) / 2
        return settings
    }
}
