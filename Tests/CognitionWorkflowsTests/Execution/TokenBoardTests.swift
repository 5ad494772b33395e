import CognitionCore
import CognitionWorkflows
import Testing

@Suite("The board of texts that tasks are writing") struct TokenBoardTests {
    private static let place = TokenBoard.Place(
        workspace: WorkspaceID("w"), execution: ExecutionID(UUIDv7(high: 1, low: 1)))
    private static let other = TokenBoard.Place(
        workspace: WorkspaceID("w"), execution: ExecutionID(UUIDv7(high: 1, low: 2)))
    private static let stranger = TokenBoard.Place(workspace: WorkspaceID("x"), execution: place.execution)

    private static func writer(
        _ task: Int = 1, attempt: Int = 1, at place: TokenBoard.Place = place
    ) -> TokenBoard.Writer {
        TokenBoard.Writer(place: place, task: task, name: "t\(task)", attempt: attempt)
    }

    private static func text(_ text: String, at offset: Int, task: Int = 1, attempt: Int = 1) -> TokenUpdate {
        TokenUpdate(task: task, name: "t\(task)", attempt: attempt, .text(text, offset: offset))
    }

    private static func reset(_ reason: String, task: Int = 1, attempt: Int = 1) -> TokenUpdate {
        TokenUpdate(task: task, name: "t\(task)", attempt: attempt, .reset(reason: reason))
    }

    @Test("Who comes late gets the text so far as one piece, then what is new; offsets are bytes")
    func late() {
        var board = TokenBoard()
        let early = board.watch(Self.place)
        #expect(!early.hasNews)
        let id = board.open(Self.writer())
        #expect(board.write("Grüße", to: id) == [early.id])
        #expect(board.take(early.id) == [Self.text("Grüße", at: 0)])
        #expect(board.write(", ", to: id) == [early.id])
        let late = board.watch(Self.place)
        #expect(late.hasNews)
        #expect(board.take(late.id) == [Self.text("Grüße, ", at: 0)])
        #expect(board.take(early.id) == [Self.text(", ", at: 7)])
        #expect(Set(board.write("Welt", to: id)) == [early.id, late.id])
        #expect(board.take(late.id) == [Self.text("Welt", at: 9)])
        #expect(board.take(late.id).isEmpty)
    }

    @Test("A watcher that takes seldom is woken once and told everything at a time")
    func coalesced() {
        var board = TokenBoard()
        let watcher = board.watch(Self.place).id
        let id = board.open(Self.writer())
        let woken = (0..<1_000).flatMap { board.write("\($0 % 10)", to: id) }
        #expect(woken == [watcher])
        let all = String(repeating: "0123456789", count: 100)
        #expect(board.take(watcher) == [Self.text(all, at: 0)])
        #expect(board.write("x", to: id) == [watcher])
    }

    @Test("Others see nothing: neither of another execution nor in another workspace")
    func apart() {
        var board = TokenBoard()
        let watchers = [Self.other, Self.stranger].map { board.watch($0).id }
        let id = board.open(Self.writer())
        #expect(board.write("secret", to: id).isEmpty)
        #expect(board.end(id, voidBecause: nil).isEmpty)
        for watcher in watchers { #expect(board.take(watcher).isEmpty) }
    }

    @Test("A reset is told to those who were told something, once, before what follows")
    func reset() {
        var board = TokenBoard()
        let told = board.watch(Self.place).id
        let id = board.open(Self.writer())
        _ = board.write("wrong", to: id)
        _ = board.take(told)
        let untold = board.watch(Self.place).id
        #expect(board.reset(id, because: "cut off") == [told])
        #expect(board.reset(id, because: "again").isEmpty)
        _ = board.write("right", to: id)
        #expect(board.take(told) == [Self.reset("cut off"), Self.text("right", at: 0)])
        #expect(board.take(untold) == [Self.text("right", at: 0)])
    }

    @Test(
        "The rest of a text that has ended is kept for who watches; a void one is taken back, and the next is another")
    func end() {
        var board = TokenBoard()
        let watcher = board.watch(Self.place).id
        let first = board.open(Self.writer())
        _ = board.write("one", to: first)
        _ = board.take(watcher)
        #expect(board.end(first, voidBecause: "no answer") == [watcher])
        let second = board.open(Self.writer(attempt: 2))
        _ = board.write("tw", to: second)
        #expect(board.take(watcher) == [Self.reset("no answer"), Self.text("tw", at: 0, attempt: 2)])
        _ = board.write("o", to: second)
        _ = board.end(second, voidBecause: nil)
        #expect(board.write("late", to: second).isEmpty)
        #expect(board.end(second, voidBecause: nil).isEmpty)
        #expect(board.take(watcher) == [Self.text("o", at: 2, attempt: 2)])
        #expect(board.watch(Self.place).hasNews == false)
    }

    @Test("Nothing stays behind")
    func empty() {
        var board = TokenBoard()
        let watchers = (0..<3).map { _ in board.watch(Self.place).id }
        let ids = (1...3).map { board.open(Self.writer($0)) }
        for id in ids { _ = board.write("text", to: id) }
        #expect(board.shown == 3 && board.bytes == 12)
        _ = board.take(watchers[0])
        for (index, id) in ids.enumerated() { _ = board.end(id, voidBecause: index == 0 ? "x" : nil) }
        for watcher in watchers { board.leave(watcher) }
        #expect(board.isEmpty && board.shown == 0)
        let silent = board.open(Self.writer())
        _ = board.end(silent, voidBecause: nil)
        #expect(board.isEmpty)
    }

    @Test(
        "A text that is too long loses its older half, between two characters; who has missed it sees so by the offset")
    func long() throws {
        var limits = TokenBoard.Limits()
        limits.textBytesMax = 100
        var board = TokenBoard(limits: limits)
        let quick = board.watch(Self.place).id
        let slow = board.watch(Self.place).id
        let id = board.open(Self.writer())
        var seen = ""
        for _ in 0..<100 {
            _ = board.write("ü€🌍", to: id)
            for update in board.take(quick) {
                guard case .text(let text, let offset) = update.change else { continue }
                #expect(offset == seen.utf8.count)
                seen += text
            }
            #expect(board.bytes <= 100)
        }
        #expect(seen == String(repeating: "ü€🌍", count: 100))
        guard case .text(let text, let offset) = try #require(board.take(slow).first).change else { return }
        #expect(offset + text.utf8.count == 900 && text.utf8.count <= 100 && text.utf8.count >= 40)
        #expect(seen.hasSuffix(text))
        #expect(board.takeDropped() == offset && board.takeDropped() == 0)
    }

    @Test("Many texts together have a bound as well, and so have the ends that a watcher does not take")
    func bounds() {
        var limits = TokenBoard.Limits()
        limits.textBytesMax = 100
        limits.bytesMax = 250
        limits.unclaimedBytesMax = 150
        limits.unclaimedMax = 5
        var board = TokenBoard(limits: limits)
        let watcher = board.watch(Self.place).id
        let ids = (1...50).map { board.open(Self.writer($0)) }
        for _ in 0..<20 {
            for id in ids { _ = board.write("0123456789", to: id) }
            // One delta of each beyond it, at most.
            #expect(board.bytes <= 250 + 50 * 10)
        }
        for id in ids { _ = board.end(id, voidBecause: nil) }
        let updates = board.take(watcher)
        let bytes = updates.reduce(0) { sum, update in
            if case .text(let text, _) = update.change { sum + text.utf8.count } else { sum }
        }
        #expect(bytes <= 150 && updates.count <= 5 && !updates.isEmpty)
        #expect(board.bytes == 0)
    }

    @Test("A relay sees what is written here, and its ends; a text of another node is for those who watch here")
    func relays() {
        var board = TokenBoard()
        let watcher = board.watch(Self.place).id
        let relay = board.watch(Self.place, asRelay: true).id
        #expect(board.watched == [Self.place] && board.isWatched(Self.place) && !board.isWatched(Self.other))
        let remote = board.open(
            TokenBoard.Writer(place: Self.place, task: 2, name: "t2", attempt: 1, isRemote: true), at: 10)
        #expect(board.write("far", to: remote) == [watcher] && board.shown == 0)
        #expect(board.take(watcher) == [Self.text("far", at: 10, task: 2)] && board.take(relay).isEmpty)
        #expect(board.watch(Self.place, asRelay: true).hasNews == false && board.live(Self.place).isEmpty)

        let local = board.open(Self.writer())
        #expect(Set(board.write("near", to: local)) == [watcher, relay, relay + 2])
        #expect(board.take(relay) == [Self.text("near", at: 0)])
        #expect(board.live(Self.place) == [TokenBoard.Attempt(task: 1, attempt: 1)] && board.shown == 1)
        // The watcher has been told nothing of it yet, and the relay everything.
        #expect(board.end(local, voidBecause: nil).contains(relay))
        #expect(board.take(relay).isEmpty && board.live(Self.place).isEmpty)
        #expect(board.end(remote, voidBecause: "lost") == [])
        #expect(board.take(watcher) == [Self.text("near", at: 0), Self.reset("lost", task: 2)])
        for id in [watcher, relay, relay + 2] { board.leave(id) }
        #expect(board.isEmpty && board.watched.isEmpty)
    }
}
