package import CognitionCore
import CognitionStorage
import Logging
import Metrics

/// Loads aggregates and changes them.
///
/// A snapshot is never the truth: one that is damaged, of another fold, or newer than what is asked for, is passed over.
package struct Aggregates<State: Aggregate>: Sendable {
    /// Decisions that are made anew because somebody else was faster, before that is told.
    private static var attemptsMax: Int { 20 }

    private let log: EventLog
    private let name: String
    private let policy: SnapshotPolicy
    private let eventsMax: Int
    private let upcasters: Upcasters

    /// - Parameters:
    ///   - name: Of its snapshots, where two aggregates read the same streams; 1...63 bytes.
    ///   - eventsMax: Events that one load folds at most.
    ///   - upcasters: What events are read through.
    package init(
        _ log: EventLog, name: String = State.streamType, policy: SnapshotPolicy = SnapshotPolicy(),
        eventsMax: Int = .max, upcasters: Upcasters = .none
    ) {
        self.log = log
        self.name = name
        self.policy = policy
        self.eventsMax = eventsMax
        self.upcasters = upcasters
    }

    /// The state after the events of its stream.
    ///
    /// - Parameters:
    ///   - stream: Of a type of one's own where one fold serves many types.
    ///   - limit: Up to where events count; everything unless given.
    /// - Throws: `event.history_too_long`; what the aggregate throws.
    package func load(
        _ stream: StreamName, in workspace: WorkspaceID, upTo limit: FoldLimit = .end
    ) async throws -> Folded<State> {
        let start = ContinuousClock.now
        let kept = try await log.database.read { tx in
            try SnapshotStore.newest(
                of: stream, workspace: workspace, name: name, fold: State.foldVersion, upTo: limit.version, in: tx)
        }
        var state = State()
        var version: Int64 = 0
        // A moment can only be found among the events themselves.
        if limit.time == nil, let kept, let value = kept.value, let found = State(snapshot: value) {
            (state, version) = (found, kept.version)
        }
        let first = version
        folding: while version < limit.version {
            let page = try await log.readStream(stream, workspace: workspace, fromVersion: version + 1, limit: 500)
            for event in page.events {
                guard limit.includes(event) else { break folding }
                guard version - first < eventsMax else { throw Self.tooLong(stream, eventsMax) }
                try state.apply(try upcasters.upcast(event))
                version = event.version
            }
            if version >= page.version { break }
        }
        let took = ContinuousClock.now - start
        log.replayDuration.record(duration: took)
        if version - first >= policy.events || version > first && took >= policy.duration {
            await keep(state, at: version, of: stream, in: workspace)
        }
        return Folded(state: state, version: version)
    }

    package func load(_ id: String, in workspace: WorkspaceID) async throws -> Folded<State> {
        try await load(StreamName(State.streamType, id), in: workspace)
    }

    /// Decides by the state what happens, and writes it, unless something else has happened meanwhile: then it decides anew.
    ///
    /// - Parameter decide: Free of effects, as it may run more than once; no events change nothing.
    /// - Returns: The state after what was decided.
    /// - Throws: What `decide` throws; `event.version_conflict` when others were faster again and again.
    @discardableResult
    package func update(
        _ id: String, context: EventContext, _ decide: @Sendable (State) throws -> [NewEvent]
    ) async throws -> Folded<State> {
        let stream = StreamName(State.streamType, id)
        for attempt in 1... {
            let loaded = try await load(stream, in: context.workspace)
            let events = try decide(loaded.state)
            guard !events.isEmpty else { return loaded }
            do {
                try await log.append(events, to: stream, expecting: .exact(loaded.version), context: context)
                return try await load(stream, in: context.workspace)
            } catch let error as EventError where error.code == .eventVersionConflict {
                guard attempt < Self.attemptsMax, !Task.isCancelled else { throw error }
            }
        }
        preconditionFailure("the attempts have an end")
    }

    /// Nobody depends on it, so that a failure is only told.
    private func keep(_ state: State, at version: Int64, of stream: StreamName, in workspace: WorkspaceID) async {
        let bytes = state.snapshot.jsonBytes
        do {
            try await log.database.write { tx in
                try SnapshotStore.keep(
                    bytes, at: version, of: stream, workspace: workspace, name: name, fold: State.foldVersion, in: tx)
            }
        } catch {
            Logger.current.debug(
                "Snapshot is not kept", metadata: ["stream.type": "\(stream.type)", "error": "\(error)"])
        }
    }

    private static func tooLong(_ stream: StreamName, _ eventsMax: Int) -> EventError {
        EventError(.historyTooLong, "more than \(eventsMax) events of \(stream) would have to be folded at once")
    }
}

/// Up to where events count.
package struct FoldLimit: Sendable, Hashable {
    let version: Int64
    let time: Timestamp?

    package static let end = FoldLimit(version: .max, time: nil)
    package static func version(_ version: Int64) -> FoldLimit { FoldLimit(version: version, time: nil) }
    /// Events of this moment still count.
    package static func time(_ time: Timestamp) -> FoldLimit { FoldLimit(version: .max, time: time) }

    /// Events of one stream have times that follow their versions, but for the skew of clocks: the first that is later ends
    /// the fold.
    func includes(_ event: Event) -> Bool {
        guard let time else { return event.version <= version }
        return event.time <= time
    }
}
