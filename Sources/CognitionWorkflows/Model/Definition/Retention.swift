package import CognitionCore

/// How long executions of a workflow are kept after their end; what is `nil` is kept for ever.
package struct Retention: Sendable, Equatable {
    package var completed: Duration?
    package var faulted: Duration?
    package var cancelled: Duration?

    /// A minute to ten years.
    package static let bounds = Duration.seconds(60)...DurationTemplate.longest
    package static let forever = Retention()

    package init(completed: Duration? = nil, faulted: Duration? = nil, cancelled: Duration? = nil) {
        self.completed = completed
        self.faulted = faulted
        self.cancelled = cancelled
    }

    /// Reads `{completed?, faulted?, cancelled?}`, each a duration or null; one duration for all; or null.
    ///
    /// A duration is an ISO 8601 text such as `P30D` or an object such as `{days: 30}`. Parts of a second are dropped.
    /// - Throws: `workflow.retention_invalid`.
    package init(json: JSONValue) throws {
        guard case .object(let members) = json, members.keys.allSatisfy({ Self.names.contains($0) }) else {
            let all = try Self.duration(json)
            self.init(completed: all, faulted: all, cancelled: all)
            return
        }
        self.init(
            completed: try Self.duration(members["completed"]), faulted: try Self.duration(members["faulted"]),
            cancelled: try Self.duration(members["cancelled"]))
    }

    private static let names = ["completed", "faulted", "cancelled"]

    private static func duration(_ json: JSONValue?) throws -> Duration? {
        guard let json, !json.isNull else { return nil }
        let duration: Duration
        do {
            duration = .seconds(try DurationTemplate.evaluated(json).components.seconds)
        } catch {
            let reason = (error as? any CodedError)?.message ?? "\(error)"
            throw WorkflowError(
                .retentionInvalid,
                "a retention is a duration, or one for each of completed, faulted and cancelled: \(reason)")
        }
        guard bounds.contains(duration) else {
            throw WorkflowError(.retentionInvalid, "executions are kept for a minute at least and ten years at most")
        }
        return duration
    }

    /// `null` when everything is kept for ever; durations in seconds, as objects of the DSL.
    package var json: JSONValue {
        func member(_ duration: Duration?) -> JSONValue {
            duration.map { ["seconds": .integer($0.components.seconds)] } ?? .null
        }
        return self == .forever
            ? .null
            : ["completed": member(completed), "faulted": member(faulted), "cancelled": member(cancelled)]
    }
}
