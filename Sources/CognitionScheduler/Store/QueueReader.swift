import CognitionCore
import CognitionStorage

/// What is going on in a queue.
enum QueueReader {
    /// Jobs by their states, as these are named on the wire.
    static func counts(of queue: Int64, _ tx: borrowing Transaction) throws -> JSONObject {
        var counts: [JobState: Int64] = [:]
        // One statement for each index, whose condition it repeats.
        for statement: SQL in [
            "SELECT state, COUNT(*) FROM jobs WHERE state = 1 AND queue_key = \(queue) GROUP BY state",
            "SELECT state, COUNT(*) FROM jobs WHERE state = 2 AND queue_key = \(queue) GROUP BY state",
            "SELECT state, COUNT(*) FROM jobs WHERE state IN (0, 6, 7, 8) AND queue_key = \(queue) GROUP BY state",
            "SELECT state, COUNT(*) FROM jobs WHERE ended_at IS NOT NULL AND queue_key = \(queue) GROUP BY state",
        ] {
            for (state, count) in try tx.query(statement, as: { (try $0[0] as JobState, try $0[1] as Int64) }) {
                counts[state] = count
            }
        }
        func count(_ states: JobState...) -> JSONValue { .integer(states.reduce(0) { $0 + (counts[$1] ?? 0) }) }
        return [
            "scheduled": count(.scheduled, .paused), "ready": count(.ready), "running": count(.running),
            "blocked": count(.blocked, .limited), "completed": count(.completed), "failed": count(.failed),
            "dead": count(.dead), "cancelled": count(.cancelled),
        ]
    }

    /// How many have ended within the last minute and the last hour.
    static func rates(of queue: Int64, now: Timestamp, _ tx: borrowing Transaction) throws -> JSONObject {
        func ended(_ states: [JobState], within window: Duration) throws -> JSONValue {
            var count: Int64 = 0
            for state in states {
                count +=
                    try tx.first(
                        """
                        SELECT COUNT(*) FROM jobs WHERE queue_key = \(queue) AND state = \(state)
                            AND ended_at > \(now - window) AND ended_at IS NOT NULL
                        """
                    ) { try $0[0] as Int64 } ?? 0
            }
            return .integer(count)
        }
        let (minute, hour) = (Duration.seconds(60), Duration.seconds(3_600))
        return [
            "completed_per_minute": try ended([.completed], within: minute),
            "failed_per_minute": try ended([.failed, .dead], within: minute),
            "completed_per_hour": try ended([.completed], within: hour),
            "failed_per_hour": try ended([.failed, .dead], within: hour),
        ]
    }

    private static let sampleMax = 200

    /// Of the last jobs that have completed: how long they waited, and ran, in seconds.
    static func latency(of queue: Int64, now: Timestamp, _ tx: borrowing Transaction) throws -> JSONObject {
        let sample = try tx.query(
            """
            SELECT started_at - run_at, ended_at - started_at FROM jobs
            WHERE queue_key = \(queue) AND state = 3 AND ended_at IS NOT NULL AND started_at IS NOT NULL
            ORDER BY ended_at DESC LIMIT \(sampleMax)
            """
        ) { row in (wait: max(0, try row[0] as Int64), run: max(0, try row[1] as Int64)) }
        func quantile(_ values: [Int64], _ part: Double) -> JSONValue {
            guard !values.isEmpty else { return .null }
            return JSONValue(Double(values[min(values.count - 1, Int(Double(values.count) * part))]) / 1_000_000)
        }
        let (waits, runs) = (sample.map(\.wait).sorted(), sample.map(\.run).sorted())
        let oldest =
            try tx.first(
                "SELECT MIN(run_at) FROM jobs WHERE state = 1 AND queue_key = \(queue)"
            ) { try $0[0] as Timestamp? } ?? nil
        return [
            "wait_p50_seconds": quantile(waits, 0.5), "wait_p95_seconds": quantile(waits, 0.95),
            "run_p50_seconds": quantile(runs, 0.5), "run_p95_seconds": quantile(runs, 0.95),
            "oldest_ready_seconds": oldest.map { JSONValue(max(0, (now - $0).seconds)) } ?? .null,
        ]
    }
}
