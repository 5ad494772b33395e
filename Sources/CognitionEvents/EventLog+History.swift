package import CognitionCore
import CognitionStorage

/// What the events of a stream add up to, at any of its versions; by the rule of ``MergedState``.
extension EventLog {
    /// Events that one question folds at most.
    package static let foldMax = 100_000

    private var states: Aggregates<MergedState> { Aggregates(self, eventsMax: Self.foldMax) }

    /// The state at a version or a moment.
    /// - Returns: `nil` when there is no such stream.
    /// - Throws: `event.history_too_long`.
    package func state(
        of stream: StreamName, in workspace: WorkspaceID, at limit: FoldLimit = .end
    ) async throws -> Folded<MergedState>? {
        try await states.find(stream, in: workspace, upTo: limit)
    }

    /// The states after two versions: unless told otherwise, before and after the last event.
    /// - Returns: `nil` when there is no such stream.
    /// - Throws: `event.history_too_long`.
    package func changes(
        of stream: StreamName, in workspace: WorkspaceID, from: Int64? = nil, to: Int64? = nil
    ) async throws -> (before: Folded<MergedState>, after: Folded<MergedState>)? {
        try await states.changes(of: stream, in: workspace, from: from, to: to)
    }

    /// Which event has set each value of the state at a version or a moment.
    /// - Throws: `event.history_too_long`.
    package func provenance(
        of stream: StreamName, in workspace: WorkspaceID, at limit: FoldLimit = .end
    ) async throws -> [Provenance.Origin] {
        var provenance = Provenance()
        var version: Int64 = 0
        while true {
            let page = try await readStream(stream, workspace: workspace, fromVersion: version + 1, limit: 500)
            for event in page.events {
                guard limit.includes(event) else { return provenance.origins }
                guard event.version <= Self.foldMax else {
                    throw EventError(
                        .historyTooLong, "more than \(Self.foldMax) events of \(stream) would have to be folded at once"
                    )
                }
                provenance.apply(event)
                version = event.version
            }
            if page.events.isEmpty || version >= page.version { return provenance.origins }
        }
    }

    /// How many states of aggregates are kept.
    package func snapshotCount() async throws -> Int64 { try await database.read { try SnapshotStore.count(in: $0) } }
}
