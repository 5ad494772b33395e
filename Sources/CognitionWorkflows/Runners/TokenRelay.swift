package import CognitionCore
import Synchronization

/// Lets watchers on one node see the texts of tasks that run on another, as long as messages come through.
///
/// A node tells the others which executions are watched on it: when that changes, and every few seconds. Whoever runs one of
/// them sends the asking node what its own watchers are told, and which texts are not at their end. A node that has missed
/// something asks for each text from its beginning. Where messages are lost, text is not shown, and nothing else is.
package final class TokenRelay: Sendable {
    private typealias Message = TokenRelayMessage

    /// Somebody on another node watches an execution.
    private struct Asking: Hashable {
        let node: String
        let place: TokenBoard.Place
    }

    /// A text that another node tells of.
    private struct Source: Hashable {
        let node: String
        let place: TokenBoard.Place
        let attempt: TokenBoard.Attempt
    }

    private struct Incoming {
        let writer: TokenWriter
        var end: Int
        var heardAt: ContinuousClock.Instant
    }

    private struct Asked {
        let watch: TokenWatch
        /// The node was told of a text that is not at its end.
        var hasLive = false
    }

    private struct State {
        /// Nodes that have asked, and when they did last.
        var heardAt: [String: ContinuousClock.Instant] = [:]
        var asked: [Asking: Asked] = [:]
        /// Something is to be told.
        var news: Set<Asking> = []
        var incoming: [Source: Incoming] = [:]
        /// The others are to be told what is watched here.
        var asks = true
        var asksFromBeginning = true
        var mayAskAt = ContinuousClock.now
        /// What comes now is for nobody.
        var isOver = false
    }

    private let streams: TokenStreams
    private let messages: any NodeMessages
    private let channel: String
    private let node: String
    private let state = Mutex(State())
    private let rings: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    /// Between two rounds of messages.
    private static let pause: Duration = .milliseconds(10)
    /// Between two times that a node says what is watched on it.
    private static let askingPause: Duration = .milliseconds(100)
    /// How often it does although nothing has changed, and how long that holds.
    private static let renewal: Duration = .seconds(5)
    private static let patience: Duration = .seconds(16)
    private static let nodesMax = 256
    private static let incomingMax = 4_096
    private static let offsetMax = 1 << 40

    /// - Parameters:
    ///   - channel: What the names of channels begin with; of this database and schema alone.
    ///   - node: Another for each node; at most 64 bytes.
    package init(_ streams: TokenStreams, over messages: any NodeMessages, channel: String, node: String) {
        self.streams = streams
        self.messages = messages
        self.channel = channel
        self.node = node
        (rings, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Tells and hears until the task is cancelled. To be called once.
    package func run() async {
        messages.listen(to: asking) {
        } onMessage: { [weak self] in
            self?.takeWatches($0)
        }
        messages.listen(to: inbox(of: node)) { [weak self] in
            // What was said before may have been missed.
            self?.beginAgain()
        } onMessage: { [weak self] in
            self?.takeText($0)
        }
        streams.onInterest { [weak self] in self?.wantsToAsk() }
        async let _ = renew()
        for await _ in rings {
            forget()
            await ask()
            for asking in state.withLock({ $0.news }) { await tell(asking) }
            // Its only error is cancellation, which ends the loop.
            try? await Task.sleep(for: Self.pause)
        }
        let asked = state.withLock { state in
            state.isOver = true
            defer { state.asked = [:] }
            return state.asked.values.map(\.watch)
        }
        for watch in asked { watch.end() }
        endIncoming { _ in true }
    }

    private var asking: String { channel + ":watch" }
    private func inbox(of node: String) -> String { channel + ":text:" + node }

    // MARK: Asking

    private func renew() async {
        // Its only error is cancellation.
        while (try? await Task.sleep(for: Self.renewal)) != nil { wantsToAsk() }
    }

    private func wantsToAsk() {
        state.withLock { $0.asks = true }
        ring.yield()
    }

    private func beginAgain() {
        let writers = state.withLock { state in
            defer { state.incoming = [:] }
            state.asksFromBeginning = true
            return state.incoming.values.map(\.writer)
        }
        for writer in writers { writer.end(voidBecause: nil) }
        wantsToAsk()
    }

    private func ask() async {
        let (asks, fromBeginning) = state.withLock { state in
            guard state.asks, state.mayAskAt <= .now else { return (false, false) }
            defer { (state.asks, state.asksFromBeginning, state.mayAskAt) = (false, false, .now + Self.askingPause) }
            return (true, state.asksFromBeginning)
        }
        guard asks else {
            if state.withLock({ $0.asks }) { ring.yield() }
            return
        }
        var watched = streams.watched
        let all = Set(watched)
        endIncoming { !all.contains($0.place) }
        if watched.count > Message.placesMax {
            // The youngest, and the same each time.
            watched.sort { $0.execution.description > $1.execution.description }
            watched.removeLast(watched.count - Message.placesMax)
        }
        let message = Message.watches(watched, fromBeginning: fromBeginning)
        do {
            try await messages.publish(message.bytes(from: node), to: asking)
        } catch {
            // It is said again when messages go through, and at the next renewal.
            if fromBeginning { state.withLock { $0.asksFromBeginning = true } }
        }
    }

    /// Ends texts that nobody here watches any more, or nobody tells of.
    private func endIncoming(where isOver: (Source) -> Bool) {
        let writers = state.withLock { state in
            let sources = state.incoming.keys.filter(isOver)
            return sources.compactMap { state.incoming.removeValue(forKey: $0)?.writer }
        }
        for writer in writers { writer.end(voidBecause: nil) }
    }

    // MARK: Telling

    private func takeWatches(_ bytes: [UInt8]) {
        guard case (let sender, .watches(let places, let fromBeginning))? = Message.read(bytes), sender != node else {
            return
        }
        let wanted = Set(places.map { Asking(node: sender, place: $0) })
        let (old, new) = state.withLock { state -> ([Asked], Set<Asking>) in
            guard !state.isOver, state.heardAt[sender] != nil || state.heardAt.count < Self.nodesMax else {
                return ([], [])
            }
            state.heardAt[sender] = .now
            let known = Set(state.asked.keys.filter { $0.node == sender })
            let kept = fromBeginning ? [] : known.intersection(wanted)
            let over = known.subtracting(kept)
            state.news.subtract(over)
            // What goes on is told again to be so, as else it is taken to have ended.
            state.news.formUnion(kept)
            return (over.compactMap { state.asked.removeValue(forKey: $0) }, wanted.subtracting(kept))
        }
        for asked in old { asked.watch.end() }
        for asking in new {
            let watch = streams.watch(asking.place, asRelay: true) { [weak self] in self?.hasNews(of: asking) }
            let other = state.withLock { state -> TokenWatch? in
                guard !state.isOver else { return watch }
                state.news.insert(asking)
                return state.asked.updateValue(Asked(watch: watch), forKey: asking)?.watch
            }
            other?.end()
        }
        // A node that has missed something does not know what is watched here either.
        if fromBeginning { state.withLock { $0.asks = true } }
        ring.yield()
    }

    private func hasNews(of asking: Asking) {
        state.withLock { _ = $0.news.insert(asking) }
        ring.yield()
    }

    private func tell(_ asking: Asking) async {
        let asked = state.withLock { state in
            state.news.remove(asking)
            return state.asked[asking]
        }
        guard let asked else { return }
        let (updates, live) = asked.watch.takeWithLive()
        let inbox = inbox(of: asking.node)
        do {
            for update in updates {
                try await messages.publish(Message.update(update, of: asking.place).bytes(from: node), to: inbox)
            }
            guard asked.hasLive || !live.isEmpty || !updates.isEmpty else { return }
            try await messages.publish(Message.live(live, of: asking.place).bytes(from: node), to: inbox)
            state.withLock { state in
                if state.asked[asking]?.watch.isSame(as: asked.watch) == true {
                    state.asked[asking]?.hasLive = !live.isEmpty
                }
            }
        } catch {
            // Whoever asks again gets each text from its beginning.
            state.withLock { state in
                if state.asked[asking]?.watch.isSame(as: asked.watch) == true { state.asked[asking] = nil }
            }
            asked.watch.end()
        }
    }

    /// Lets go of nodes and texts of which nothing is heard any more.
    private func forget() {
        let now = ContinuousClock.now
        let watches = state.withLock { state in
            let gone = Set(state.heardAt.filter { now - $0.value > Self.patience }.keys)
            for node in gone { state.heardAt[node] = nil }
            let over = state.asked.keys.filter { gone.contains($0.node) }
            return over.compactMap { state.asked.removeValue(forKey: $0) }
        }
        for asked in watches { asked.watch.end() }
        let late = state.withLock { state in Set(state.incoming.filter { now - $0.value.heardAt > Self.patience }.keys)
        }
        if !late.isEmpty { endIncoming { late.contains($0) } }
    }

    // MARK: Hearing

    private func takeText(_ bytes: [UInt8]) {
        switch Message.read(bytes) {
        case (let sender, .update(let update, let place))?: take(update, of: place, from: sender)
        case (let sender, .live(let attempts, let place))?:
            let live = Set(attempts)
            endIncoming { $0.node == sender && $0.place == place && !live.contains($0.attempt) }
            state.withLock { state in
                for attempt in live {
                    state.incoming[Source(node: sender, place: place, attempt: attempt)]?.heardAt = .now
                }
            }
        default: break
        }
    }

    private func take(_ update: TokenUpdate, of place: TokenBoard.Place, from sender: String) {
        let source = Source(
            node: sender, place: place, attempt: .init(task: update.task, attempt: update.attempt))
        switch update.change {
        case .text(let text, let offset):
            guard offset <= Self.offsetMax else { return }
            let end = offset + text.utf8.count
            let known = state.withLock { state -> TokenWriter? in
                guard state.incoming[source]?.end == offset else { return nil }
                state.incoming[source]?.end = end
                state.incoming[source]?.heardAt = .now
                return state.incoming[source]?.writer
            }
            if let known { return known.sink.write(text) }
            endIncoming { $0 == source }
            guard streams.isWatched(place) else { return }
            let writer = streams.open(
                TokenBoard.Writer(
                    place: place, task: update.task, name: update.name, attempt: update.attempt, isRemote: true),
                at: offset)
            let hasRoom = state.withLock { state in
                guard !state.isOver, state.incoming.count < Self.incomingMax else { return false }
                state.incoming[source] = Incoming(writer: writer, end: end, heardAt: .now)
                return true
            }
            hasRoom ? writer.sink.write(text) : writer.end(voidBecause: nil)
        case .reset(let reason):
            let known = state.withLock { $0.incoming.removeValue(forKey: source) }
            known?.writer.end(voidBecause: reason)
        }
    }
}
