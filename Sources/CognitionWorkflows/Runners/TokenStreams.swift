package import CognitionCore
import Metrics
import Synchronization

/// The texts that tasks of this node are writing just now, for whoever watches; with a ``TokenRelay`` those of other nodes, too.
///
/// They are no part of an execution's history: they are in memory only, and gone with the end of their tasks. Nobody who writes waits for anybody who watches. A watcher is woken and takes what has come since it took last; how
/// often it does is its own affair, ``interval`` is often enough for people.
package final class TokenStreams: Sendable {
    /// Between two looks of a watcher.
    package static let interval: Duration = .milliseconds(40)

    private struct State {
        var board: TokenBoard
        var wakes: [TokenBoard.WatcherID: @Sendable () -> Void] = [:]
        /// Told when an execution is watched that was not, or is not any more.
        var onInterest: (@Sendable () -> Void)?
    }

    private let state: Mutex<State>
    private let active = Gauge(label: "workflow.token.streams")
    private let dropped = Counter(label: "workflow.token.dropped")

    package convenience init() { self.init(limits: TokenBoard.Limits()) }

    package init(limits: TokenBoard.Limits) { state = Mutex(State(board: TokenBoard(limits: limits))) }

    /// Watches an execution; whoever calls has made sure that it may be seen.
    ///
    /// - Parameter wake: Called, from any thread, when there is something to take: at once if there already is, and then at
    ///   most once until it is taken. It must not block.
    package func watch(
        _ execution: ExecutionID, in workspace: WorkspaceID, wake: @escaping @Sendable () -> Void
    ) -> TokenWatch {
        watch(.init(workspace: workspace, execution: execution), wake: wake)
    }

    func watch(
        _ place: TokenBoard.Place, asRelay isRelay: Bool = false, wake: @escaping @Sendable () -> Void
    ) -> TokenWatch {
        let (watcher, onInterest) = state.withLock { state in
            let isNew = !isRelay && !state.board.isWatched(place)
            let watcher = state.board.watch(place, asRelay: isRelay)
            state.wakes[watcher.id] = wake
            return (watcher, isNew ? state.onInterest : nil)
        }
        if watcher.hasNews { wake() }
        onInterest?()
        return TokenWatch(streams: self, id: watcher.id, place: place)
    }

    /// Lends the text of an attempt; it is seen by others once something is written. It is void when `body` throws, and the
    /// rest of it can be taken before what `body` returns is committed.
    func withSink<Result>(
        of effect: EffectRequest, of live: LiveExecution, _ body: (TokenSink) async throws -> Result
    ) async throws -> Result {
        let writer = open(
            TokenBoard.Writer(
                place: .init(workspace: live.workspace, execution: live.id), task: effect.task, name: effect.name,
                attempt: effect.attempt))
        do {
            let result = try await body(writer.sink)
            writer.end(voidBecause: nil)
            return result
        } catch {
            writer.end(voidBecause: Self.reason(error))
            throw error
        }
    }

    private static func reason(_ error: any Error) -> String {
        let cause = (error as? TaskFailure)?.cause ?? error
        if cause is CancellationError { return "the task was stopped" }
        let fault = WorkflowFault(cause)
        return fault.detail ?? fault.title ?? "the task has failed"
    }

    package func open(_ writer: TokenBoard.Writer, at start: Int = 0) -> TokenWriter {
        TokenWriter(streams: self, id: state.withLock { $0.board.open(writer, at: start) })
    }

    /// Calls `tell` whenever ``watched`` has changed; it must be brief.
    func onInterest(_ tell: @escaping @Sendable () -> Void) { state.withLock { $0.onInterest = tell } }

    /// Executions that somebody on this node watches.
    var watched: [TokenBoard.Place] { state.withLock { $0.board.watched } }

    func isWatched(_ place: TokenBoard.Place) -> Bool { state.withLock { $0.board.isWatched(place) } }

    fileprivate func change(_ body: (inout TokenBoard) -> [TokenBoard.WatcherID]) {
        let (wakes, lost) = state.withLock { state in
            let before = state.board.shown
            let wakes = body(&state.board).compactMap { state.wakes[$0] }
            // Inside, so that the last word is the newest.
            if state.board.shown != before { active.record(state.board.shown) }
            return (wakes, state.board.takeDropped())
        }
        if lost > 0 { dropped.increment(by: lost) }
        for wake in wakes { wake() }
    }

    fileprivate func take(_ id: TokenBoard.WatcherID) -> [TokenUpdate] { state.withLock { $0.board.take(id) } }

    fileprivate func takeWithLive(
        _ id: TokenBoard.WatcherID, _ place: TokenBoard.Place
    ) -> (updates: [TokenUpdate], live: [TokenBoard.Attempt]) {
        state.withLock { ($0.board.take(id), $0.board.live(place)) }
    }

    fileprivate func leave(_ id: TokenBoard.WatcherID, _ place: TokenBoard.Place) {
        let onInterest = state.withLock { state in
            let wasWatched = state.board.isWatched(place)
            state.board.leave(id)
            state.wakes[id] = nil
            return wasWatched && !state.board.isWatched(place) ? state.onInterest : nil
        }
        onInterest?()
    }

    /// Nothing is written or watched.
    package var isEmpty: Bool { state.withLock { $0.board.isEmpty && $0.wakes.isEmpty } }
}

/// Somebody's view of the texts of one execution. To be ended when it is not looked at any more.
package struct TokenWatch: Sendable {
    fileprivate let streams: TokenStreams
    fileprivate let id: TokenBoard.WatcherID
    let place: TokenBoard.Place

    /// What has come since the last call: who watches for the first time gets each text so far as one piece.
    package func take() -> [TokenUpdate] { streams.take(id) }

    /// The same, with the texts that are not at their end at that moment.
    func takeWithLive() -> (updates: [TokenUpdate], live: [TokenBoard.Attempt]) { streams.takeWithLive(id, place) }

    package func end() { streams.leave(id, place) }

    func isSame(as other: TokenWatch) -> Bool { streams === other.streams && id == other.id }
}

/// The text of one attempt of a task, as the engine holds it.
package struct TokenWriter: Sendable {
    fileprivate let streams: TokenStreams
    fileprivate let id: TokenBoard.TextID

    package var sink: TokenSink {
        TokenSink { [self] event in
            streams.change { board in
                switch event {
                case .text(let text): board.write(text, to: id)
                case .reset(let reason): board.reset(id, because: reason)
                }
            }
        }
    }

    /// Afterwards what is written goes nowhere.
    /// - Parameter reason: Why the text is void; `nil` when the task has given its output.
    package func end(voidBecause reason: String?) { streams.change { $0.end(id, voidBecause: reason) } }
}

/// Where a function writes text that may be looked at while it comes, such as the words of a language model.
///
/// It is shown and forgotten: what counts is the function's output. Writing never waits, and costs little when nobody watches.
package struct TokenSink: Sendable {
    enum Event: Sendable {
        case text(String)
        case reset(reason: String)
    }

    private let hear: @Sendable (Event) -> Void

    init(hear: @escaping @Sendable (Event) -> Void) { self.hear = hear }

    /// The next piece.
    package func write(_ text: String) { hear(.text(text)) }

    /// What was written so far is void.
    /// - Parameter reason: For people and programs, e.g. the code of an error; no secrets.
    package func reset(because reason: String) { hear(.reset(reason: reason)) }

    /// Nobody looks.
    package static let none = TokenSink { _ in }
}
