package import CognitionCore

/// How well something is; the worse is the greater.
package enum HealthStatus: String, Sendable, Hashable, CaseIterable, Comparable {
    case healthy
    /// It works, but not as it should, or not for long.
    case degraded
    case unhealthy

    package static func < (left: HealthStatus, right: HealthStatus) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .healthy: 0
        case .degraded: 1
        case .unhealthy: 2
        }
    }
}

/// Looks whether one thing that the server depends on works.
package struct HealthCheck: Sendable {
    /// What a check says of itself.
    package struct Finding: Sendable {
        package let status: HealthStatus
        /// Numbers and words for an operator; no secrets, no paths, no SQL.
        package let details: JSONObject

        package init(_ status: HealthStatus = .healthy, details: JSONObject = JSONObject()) {
            self.status = status
            self.details = details
        }
    }

    /// Unique among the checks of a monitor, e.g. `database`.
    package let name: String
    /// The server cannot do its work without it; else its failure degrades the whole only.
    package let isRequired: Bool
    /// How long an earlier finding may stand for one that does not come.
    package let timeout: Duration
    let body: @Sendable () async throws -> Finding

    /// - Parameter body: May take its time, but should end when it is cancelled. What it throws makes it unhealthy; of
    ///   the error only its code or type is told.
    package init(
        _ name: String, isRequired: Bool, timeout: Duration = .seconds(5),
        _ body: @escaping @Sendable () async throws -> Finding
    ) {
        self.name = name
        self.isRequired = isRequired
        self.timeout = timeout
        self.body = body
    }
}

/// What became of a check.
package struct CheckResult: Sendable {
    package var status: HealthStatus
    package var details = JSONObject()
    /// How long the check took; of one that is still going on, how long so far.
    package var latency: Duration
    /// The code of the error it failed with, or its type; `timeout` when it did not end in time.
    package var errorClass: String?
    /// When it ended, or was looked at in vain.
    package var checkedAt: Timestamp
    /// An earlier finding, as this time the check did not end in time.
    package var isStale = false
}

/// All checks together.
package struct SystemHealth: Sendable {
    package struct Entry: Sendable {
        package let name: String
        package let isRequired: Bool
        package let result: CheckResult
    }

    /// In the order of the monitor.
    package let checks: [Entry]

    /// The worst of what is required; anything else that is not healthy makes it degraded.
    package var status: HealthStatus {
        checks.map { $0.isRequired ? $0.result.status : min($0.result.status, .degraded) }.max() ?? .healthy
    }
}
