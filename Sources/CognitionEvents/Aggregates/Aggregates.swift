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
        try await find(stream, in: workspace, upTo: limit) ?? Folded(state: State(), version: 0)
    }

    /// The same; `nil` when there is no such stream.
    package func find(
        _ stream: StreamName, in workspace: WorkspaceID, upTo limit: FoldLimit = .end
    ) async throws -> Folded<State>? {
        let start = ContinuousClock.now
        // A moment can only be found among the events themselves.
        let fold = try await begin(stream, in: workspace, upTo: limit.version) { _ in
            limit.time == nil ? limit.version : 0
        }
        guard var fold else { return nil }
        try await advance(&fold, upTo: limit)
        await finish(fold, since: start)
        return fold.folded
    }

    /// The states after two versions, in one fold.
    ///
    /// - Parameters:
    ///   - from: The earlier; the one before the later unless given.
    ///   - to: The last unless given.
    /// - Returns: `nil` when there is no such stream.
    /// - Throws: As ``load(_:in:upTo:)``.
    package func changes(
        of stream: StreamName, in workspace: WorkspaceID, from: Int64? = nil, to: Int64? = nil
    ) async throws -> (before: Folded<State>, after: Folded<State>)? {
        let start = ContinuousClock.now
        let earlier = { @Sendable (end: Int64) in from ?? max(0, min(to ?? end, end) - 1) }
        guard var fold = try await begin(stream, in: workspace, upTo: to ?? .max, snapshotUpTo: earlier) else {
            return nil
        }
        let last = to ?? fold.end
        try await advance(&fold, upTo: .version(earlier(fold.end)))
        let before = fold.folded
        try await advance(&fold, upTo: .version(last))
        await finish(fold, since: start)
        return (before, fold.folded)
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

    // MARK: Folding

    private static var pageMax: Int { 500 }

    /// How far a fold has come.
    private struct Fold: Sendable {
        let stream: StreamName
        let workspace: WorkspaceID
        var state = State()
        var version: Int64 = 0
        /// What it began with: the version of a snapshot, or 0.
        var first: Int64 = 0
        /// The stream's version when it was read last.
        var end: Int64
        /// Read, and not taken in yet.
        var ahead: ArraySlice<Event> = []

        var folded: Folded<State> { Folded(state: state, version: version) }
    }

    /// Reads at once where the stream stands, the newest snapshot that is of use, and the first events after it.
    ///
    /// - Parameters:
    ///   - last: The version after which no event is wanted.
    ///   - limit: The newest version, by that of the stream, that a snapshot may have.
    /// - Returns: `nil` when there is no such stream.
    private func begin(
        _ stream: StreamName, in workspace: WorkspaceID, upTo last: Int64,
        snapshotUpTo limit: @escaping @Sendable (Int64) -> Int64
    ) async throws -> Fold? {
        try await log.database.read { tx in
            guard let row = try StreamRow.find(stream, workspace: workspace, in: tx) else { return nil }
            var fold = Fold(stream: stream, workspace: workspace, end: row.version)
            let kept = try SnapshotStore.newest(
                of: row, name: name, fold: State.foldVersion, upTo: limit(row.version), in: tx)
            if let kept, let value = kept.value, let found = State(snapshot: value) {
                (fold.state, fold.version, fold.first) = (found, kept.version, kept.version)
            }
            let count = Self.count(min(last, row.version), after: fold.version)
            guard count > 0 else { return fold }
            // What was archived is read when it is needed.
            let window = try EventReader.streamWindow(
                stream, workspace: workspace, fromVersion: fold.version + 1, limit: count, in: tx)
            if window.files.isEmpty { fold.ahead = window.page.events[...] }
            return fold
        }
    }

    /// Takes in events up to `limit`, or the end of the stream.
    private func advance(_ fold: inout Fold, upTo limit: FoldLimit) async throws {
        while fold.version < limit.version {
            if fold.ahead.isEmpty {
                guard fold.version < fold.end else { return }
                let page = try await log.readStream(
                    fold.stream, workspace: fold.workspace, fromVersion: fold.version + 1,
                    limit: Self.count(limit.version, after: fold.version))
                guard !page.events.isEmpty else {
                    throw EventError(
                        .eventDamaged, "events of \(fold.stream) are missing after version \(fold.version)")
                }
                (fold.ahead, fold.end) = (page.events[...], page.version)
            }
            guard let event = fold.ahead.first, limit.includes(event) else { return }
            guard fold.version - fold.first < eventsMax else { throw Self.tooLong(fold.stream, eventsMax) }
            try fold.state.apply(try upcasters.upcast(event))
            fold.version = event.version
            fold.ahead.removeFirst()
        }
    }

    private static func count(_ last: Int64, after version: Int64) -> Int {
        Int(max(0, min(last - version, Int64(pageMax))))
    }

    /// Tells how long it took, and keeps the state where that spares others enough. What is not the end of the stream would
    /// be the first to go again.
    private func finish(_ fold: Fold, since start: ContinuousClock.Instant) async {
        let took = ContinuousClock.now - start
        log.replayDuration.record(duration: took)
        guard fold.version == fold.end, fold.version > fold.first else { return }
        guard fold.version - fold.first >= policy.events || took >= policy.duration else { return }
        await keep(fold)
    }

    /// Nobody depends on it, so that a failure is only told.
    private func keep(_ fold: Fold) async {
        let bytes = fold.state.snapshot.jsonBytes
        do {
            try await log.database.write { tx in
                try SnapshotStore.keep(
                    bytes, at: fold.version, of: fold.stream, workspace: fold.workspace, name: name,
                    fold: State.foldVersion, in: tx)
            }
        } catch {
            Logger.current.debug(
                "Snapshot is not kept", metadata: ["stream.type": "\(fold.stream.type)", "error": "\(error)"])
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
