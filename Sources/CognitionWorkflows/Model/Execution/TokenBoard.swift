package import CognitionCore

/// The texts that running tasks are writing, and how far each watcher was told: a value that decides and waits for nobody.
///
/// A text is kept once, however many watch it; a watcher is a place in each text of its execution, so one that takes seldom
/// costs no more than one that takes often, and is told more at a time. A text that grows too long loses its older half.
package struct TokenBoard: Sendable {
    package struct Limits: Sendable {
        /// Of one text.
        package var textBytesMax = 1 << 20
        /// Of all texts together.
        package var bytesMax = 64 << 20
        /// Of ends of texts that one watcher has not taken yet.
        package var unclaimedBytesMax = 1 << 20
        /// Updates of ended and reset texts that one watcher has not taken yet.
        package var unclaimedMax = 1_000

        package init() {}
    }

    package struct Place: Sendable, Hashable {
        package let workspace: WorkspaceID
        package let execution: ExecutionID

        package init(workspace: WorkspaceID, execution: ExecutionID) {
            self.workspace = workspace
            self.execution = execution
        }
    }

    package struct Writer: Sendable {
        package let place: Place
        package let task: Int
        package let name: String
        package let attempt: Int
        /// The task runs on another node, which tells of it.
        package let isRemote: Bool

        package init(place: Place, task: Int, name: String, attempt: Int, isRemote: Bool = false) {
            self.place = place
            self.task = task
            self.name = name
            self.attempt = attempt
            self.isRemote = isRemote
        }

        func update(_ change: TokenUpdate.Change) -> TokenUpdate {
            TokenUpdate(task: task, name: name, attempt: attempt, change)
        }
    }

    /// One try of a task.
    package struct Attempt: Sendable, Hashable {
        package let task: Int
        package let attempt: Int

        package init(task: Int, attempt: Int) {
            self.task = task
            self.attempt = attempt
        }
    }

    package typealias TextID = Int
    package typealias WatcherID = Int

    private struct Text {
        let writer: Writer
        /// Bytes that were let go of before the first that is kept.
        var start = 0
        var bytes: [UInt8] = []
        var isShown = false
        var end: Int { start + bytes.count }

        func piece(from place: Int) -> TokenUpdate? {
            let from = max(place, start)
            guard from < end else { return nil }
            return writer.update(.text(String(decoding: bytes[(from - start)...], as: UTF8.self), offset: from))
        }
    }

    private struct Watcher {
        let place: Place
        /// It tells another node, and only of what is written here; it is also woken when a text ends.
        let isRelay: Bool
        /// Up to where each text was told; none for a text of which nothing was.
        var told: [TextID: Int] = [:]
        /// Resets, and what was left of texts that have ended.
        var unclaimed: [TokenUpdate] = []
        var unclaimedBytes = 0
        var isWoken = false
    }

    private struct Scene {
        /// In the order of their first words.
        var texts: [TextID] = []
        var watchers: Set<WatcherID> = []
    }

    package let limits: Limits
    private var texts: [TextID: Text] = [:]
    private var watchers: [WatcherID: Watcher] = [:]
    private var scenes: [Place: Scene] = [:]
    /// How many watch an execution who are no relays.
    private var interest: [Place: Int] = [:]
    private var lastID = 0
    package private(set) var bytes = 0
    /// Texts that have begun and not ended.
    package private(set) var shown = 0
    /// Bytes that were let go of before everybody who watched had them, or before anybody could; since the last look.
    package private(set) var dropped = 0

    package init(limits: Limits = Limits()) { self.limits = limits }

    package mutating func takeDropped() -> Int {
        defer { dropped = 0 }
        return dropped
    }

    // MARK: Writing

    /// - Parameter start: Bytes of the text that are not to be had any more.
    package mutating func open(_ writer: Writer, at start: Int = 0) -> TextID {
        lastID += 1
        texts[lastID] = Text(writer: writer, start: start)
        return lastID
    }

    /// - Returns: Whom to wake.
    package mutating func write(_ piece: String, to id: TextID) -> [WatcherID] {
        guard !piece.isEmpty, var text = texts.removeValue(forKey: id) else { return [] }
        if !text.isShown {
            text.isShown = true
            if !text.writer.isRemote { shown += 1 }
            scenes[text.writer.place, default: Scene()].texts.append(id)
        }
        text.bytes.append(contentsOf: piece.utf8)
        bytes += piece.utf8.count
        shorten(&text)
        texts[id] = text
        return wake(audience(of: text.writer))
    }

    /// Who sees a text.
    private func audience(of writer: Writer) -> Set<WatcherID> {
        let watching = scenes[writer.place]?.watchers ?? []
        return writer.isRemote ? watching.filter { watchers[$0]?.isRelay == false } : watching
    }

    /// What was written so far is void, and something else follows.
    /// - Returns: Whom to wake.
    package mutating func reset(_ id: TextID, because reason: String) -> [WatcherID] {
        guard var text = texts.removeValue(forKey: id) else { return [] }
        bytes -= text.bytes.count
        text.bytes = []
        text.start = 0
        texts[id] = text
        return takeBack(id, text.writer, reason)
    }

    /// - Parameter reason: Why the text is void; `nil` for one that holds.
    /// - Returns: Whom to wake.
    package mutating func end(_ id: TextID, voidBecause reason: String?) -> [WatcherID] {
        guard let text = texts.removeValue(forKey: id), text.isShown else { return [] }
        bytes -= text.bytes.count
        if !text.writer.isRemote { shown -= 1 }
        let place = text.writer.place
        var woken: [WatcherID] = []
        if let reason {
            woken = takeBack(id, text.writer, reason)
        } else {
            for watcher in audience(of: text.writer) {
                guard let rest = text.piece(from: watchers[watcher]?.told[id] ?? 0) else { continue }
                leave(rest, to: watcher)
                woken += wake([watcher])
            }
        }
        for watcher in scenes[place]?.watchers ?? [] { watchers[watcher]?.told[id] = nil }
        if !text.writer.isRemote {
            woken += wake((scenes[place]?.watchers ?? []).filter { watchers[$0]?.isRelay == true })
        }
        scenes[place]?.texts.removeAll { $0 == id }
        tidy(place)
        return woken
    }

    /// Tells those who were told something of a text that it is void.
    private mutating func takeBack(_ id: TextID, _ writer: Writer, _ reason: String) -> [WatcherID] {
        var woken: [WatcherID] = []
        for watcher in audience(of: writer) {
            guard let told = watchers[watcher]?.told.removeValue(forKey: id), told > 0 else { continue }
            leave(writer.update(.reset(reason: reason)), to: watcher)
            woken += wake([watcher])
        }
        return woken
    }

    private mutating func leave(_ update: TokenUpdate, to id: WatcherID) {
        guard var watcher = watchers.removeValue(forKey: id) else { return }
        if watcher.unclaimed.count < limits.unclaimedMax,
            watcher.unclaimedBytes + update.textBytes <= limits.unclaimedBytesMax
        {
            watcher.unclaimed.append(update)
            watcher.unclaimedBytes += update.textBytes
        } else {
            dropped += update.textBytes
        }
        watchers[id] = watcher
    }

    /// Lets go of the older half of a text for which there is no room.
    private mutating func shorten(_ text: inout Text) {
        guard text.bytes.count > limits.textBytesMax || bytes > limits.bytesMax else { return }
        var surplus = text.bytes.count - min(text.bytes.count, limits.textBytesMax) / 2
        // Up to the beginning of a character.
        while surplus < text.bytes.count, text.bytes[surplus] & 0xC0 == 0x80 { surplus += 1 }
        text.bytes.removeFirst(surplus)
        text.start += surplus
        bytes -= surplus
        dropped += surplus
    }

    // MARK: Watching

    /// - Returns: The watcher, and whether there is something to take already.
    package mutating func watch(_ place: Place, asRelay isRelay: Bool = false) -> (id: WatcherID, hasNews: Bool) {
        lastID += 1
        let hasNews = scenes[place]?.texts.contains { !isRelay || texts[$0]?.writer.isRemote == false } ?? false
        watchers[lastID] = Watcher(place: place, isRelay: isRelay, isWoken: hasNews)
        scenes[place, default: Scene()].watchers.insert(lastID)
        if !isRelay { interest[place, default: 0] += 1 }
        return (lastID, hasNews)
    }

    /// What the watcher was not told yet: at most one piece of each text, after what was left of texts that have ended.
    package mutating func take(_ id: WatcherID) -> [TokenUpdate] {
        guard var watcher = watchers.removeValue(forKey: id) else { return [] }
        var updates = watcher.unclaimed
        watcher.unclaimed = []
        watcher.unclaimedBytes = 0
        watcher.isWoken = false
        for id in scenes[watcher.place]?.texts ?? [] {
            guard let text = texts[id], !(watcher.isRelay && text.writer.isRemote),
                let piece = text.piece(from: watcher.told[id] ?? 0)
            else { continue }
            updates.append(piece)
            watcher.told[id] = text.end
        }
        watchers[id] = watcher
        return updates
    }

    /// Tasks and attempts whose texts are written here just now.
    package func live(_ place: Place) -> [Attempt] {
        (scenes[place]?.texts ?? []).compactMap { id in
            guard let writer = texts[id]?.writer, !writer.isRemote else { return nil }
            return Attempt(task: writer.task, attempt: writer.attempt)
        }
    }

    /// Executions that somebody watches who is no relay.
    package var watched: [Place] { Array(interest.keys) }

    package func isWatched(_ place: Place) -> Bool { interest[place] != nil }

    package mutating func leave(_ id: WatcherID) {
        guard let watcher = watchers.removeValue(forKey: id) else { return }
        scenes[watcher.place]?.watchers.remove(id)
        if !watcher.isRelay, let left = interest[watcher.place].map({ $0 - 1 }) {
            interest[watcher.place] = left > 0 ? left : nil
        }
        tidy(watcher.place)
    }

    /// Each is woken once until it takes.
    private mutating func wake(_ ids: Set<WatcherID>) -> [WatcherID] {
        var woken: [WatcherID] = []
        for id in ids where watchers[id]?.isWoken == false {
            watchers[id]?.isWoken = true
            woken.append(id)
        }
        return woken
    }

    private mutating func tidy(_ place: Place) {
        if let scene = scenes[place], scene.texts.isEmpty, scene.watchers.isEmpty { scenes[place] = nil }
    }

    /// Nothing is written or watched, and nothing kept.
    package var isEmpty: Bool { texts.isEmpty && watchers.isEmpty && scenes.isEmpty && interest.isEmpty && bytes == 0 }
}
