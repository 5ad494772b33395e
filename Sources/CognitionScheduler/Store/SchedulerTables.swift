package import CognitionStorage

extension Scheduler {
    package static let migrations = [
        Migration(
            "scheduler.001_jobs",
            [
                """
                CREATE TABLE job_queues (
                    key \(fragment: .identity), workspace_id \(fragment: .text) NOT NULL,
                    name \(fragment: .text) NOT NULL, settings \(fragment: .text), paused_at \(fragment: .int64),
                    paused_by \(fragment: .text), UNIQUE (workspace_id, name)
                ) \(fragment: .strict)
                """,
                // `pending` counts the jobs it depends on that have not ended, `parents` all of them, `children` those that
                // depend on it. `request` is what its owner is asked for: 0 nothing, 1 to cancel it, 2 to give it back.
                // `options` holds what differs from the usual, `attempt` counts those that have begun, `crashes` the processes
                // that ended with it, `round` how often it was made ready again after its end.
                """
                CREATE TABLE jobs (
                    key \(fragment: .identity), id \(fragment: .text) NOT NULL, workspace_id \(fragment: .text) NOT NULL,
                    queue_key \(fragment: .int64) NOT NULL, name \(fragment: .text), kind \(fragment: .text) NOT NULL,
                    input \(fragment: .text) NOT NULL, options \(fragment: .text), state \(fragment: .int64) NOT NULL,
                    priority \(fragment: .int64) NOT NULL, run_at \(fragment: .int64) NOT NULL,
                    created_at \(fragment: .int64) NOT NULL, attempt \(fragment: .int64) NOT NULL,
                    attempts_max \(fragment: .int64) NOT NULL, crashes \(fragment: .int64) NOT NULL,
                    round \(fragment: .int64) NOT NULL,
                    unique_key \(fragment: .text), unique_mask \(fragment: .int64) NOT NULL,
                    limit_key \(fragment: .text), amount \(fragment: .int64) NOT NULL,
                    pending \(fragment: .int64) NOT NULL, parents \(fragment: .int64) NOT NULL,
                    children \(fragment: .int64) NOT NULL, owner \(fragment: .text), epoch \(fragment: .int64) NOT NULL,
                    started_at \(fragment: .int64), ended_at \(fragment: .int64), progress \(fragment: .double),
                    result \(fragment: .text), error \(fragment: .text), request \(fragment: .int64) NOT NULL,
                    schedule_key \(fragment: .int64), due_at \(fragment: .int64), actor \(fragment: .text) NOT NULL,
                    traceparent \(fragment: .text), tags \(fragment: .text), UNIQUE (workspace_id, id)
                ) \(fragment: .strictAndBusy)
                """,
                "CREATE INDEX jobs_ready ON jobs (queue_key, priority, run_at, key) WHERE state = 1",
                "CREATE INDEX jobs_due ON jobs (run_at) WHERE state = 0",
                "CREATE INDEX jobs_running ON jobs (queue_key) WHERE state = 2",
                "CREATE INDEX jobs_resting ON jobs (queue_key, state) WHERE state IN (0, 6, 7, 8)",
                "CREATE INDEX jobs_ended ON jobs (queue_key, state, ended_at) WHERE ended_at IS NOT NULL",
                """
                CREATE UNIQUE INDEX jobs_unique ON jobs (queue_key, unique_key)
                WHERE unique_key IS NOT NULL AND ((unique_mask >> CAST(state AS INTEGER)) & 1) = 1
                """,
                """
                CREATE INDEX jobs_limit ON jobs (workspace_id, limit_key, state, priority, run_at)
                WHERE limit_key IS NOT NULL
                """,
                "CREATE UNIQUE INDEX jobs_schedule ON jobs (schedule_key, due_at) WHERE schedule_key IS NOT NULL",
                // `wanted` is the condition under which the child follows.
                """
                CREATE TABLE job_dependencies (
                    parent_key \(fragment: .int64) NOT NULL, child_key \(fragment: .int64) NOT NULL,
                    wanted \(fragment: .text) NOT NULL, is_met \(fragment: .int64), PRIMARY KEY (parent_key, child_key)
                ) \(fragment: .strict)
                """,
                "CREATE INDEX job_dependencies_child ON job_dependencies (child_key)",
                // Jobs that have ended and whose children do not know yet: too many to be told in the same transaction.
                """
                CREATE TABLE job_resolutions (
                    job_key \(fragment: .int64) NOT NULL PRIMARY KEY, state \(fragment: .int64) NOT NULL
                ) \(fragment: .strict)
                """,
                """
                CREATE TABLE job_attempts (
                    job_key \(fragment: .int64) NOT NULL, number \(fragment: .int64) NOT NULL,
                    node \(fragment: .text), started_at \(fragment: .int64) NOT NULL,
                    ended_at \(fragment: .int64) NOT NULL, outcome \(fragment: .text) NOT NULL,
                    error \(fragment: .text), epoch \(fragment: .int64) NOT NULL, PRIMARY KEY (job_key, epoch)
                ) \(fragment: .strict)
                """,
                """
                CREATE TABLE job_tags (
                    workspace_id \(fragment: .text) NOT NULL, name \(fragment: .text) NOT NULL,
                    value \(fragment: .text) NOT NULL, id \(fragment: .text) NOT NULL,
                    PRIMARY KEY (workspace_id, name, value, id)
                ) \(fragment: .strict)
                """,
                // `full_at` is when the bucket is full again, `wake_at` when somebody who waits for it may look again.
                """
                CREATE TABLE job_limits (
                    workspace_id \(fragment: .text) NOT NULL, limit_key \(fragment: .text) NOT NULL,
                    concurrency \(fragment: .int64), rate_amount \(fragment: .int64), rate_period \(fragment: .int64),
                    full_at \(fragment: .int64) NOT NULL, wake_at \(fragment: .int64),
                    PRIMARY KEY (workspace_id, limit_key)
                ) \(fragment: .strictWithRoom)
                """,
                "CREATE INDEX job_limits_wake ON job_limits (wake_at) WHERE wake_at IS NOT NULL",
                // Which node runs which kinds of jobs; times are those of the database's clock.
                """
                CREATE TABLE job_workers (
                    node \(fragment: .text) NOT NULL, kind \(fragment: .text) NOT NULL,
                    seen_until \(fragment: .int64) NOT NULL, PRIMARY KEY (node, kind)
                ) \(fragment: .strict)
                """,
                // `through` is the moment up to which firings are dealt with, `anchor` from where intervals count; `error` is
                // why it was paused, where it could not be fired.
                """
                CREATE TABLE job_schedules (
                    key \(fragment: .identity), id \(fragment: .text) NOT NULL, workspace_id \(fragment: .text) NOT NULL,
                    name \(fragment: .text), schedule \(fragment: .text) NOT NULL, template \(fragment: .text) NOT NULL,
                    state \(fragment: .text) NOT NULL, anchor \(fragment: .int64) NOT NULL,
                    through \(fragment: .int64) NOT NULL, next_at \(fragment: .int64), event_type \(fragment: .text),
                    revision \(fragment: .int64) NOT NULL, actor \(fragment: .text) NOT NULL,
                    created_at \(fragment: .int64) NOT NULL, ended_at \(fragment: .int64),
                    runs_completed \(fragment: .int64) NOT NULL, runs_failed \(fragment: .int64) NOT NULL,
                    skipped \(fragment: .int64) NOT NULL, last_run \(fragment: .text), error \(fragment: .text),
                    UNIQUE (workspace_id, id)
                ) \(fragment: .strictWithRoom)
                """,
                "CREATE INDEX job_schedules_next ON job_schedules (next_at) WHERE next_at IS NOT NULL",
                "CREATE INDEX job_schedules_events ON job_schedules (event_type) WHERE event_type IS NOT NULL",
            ])
    ]
}
