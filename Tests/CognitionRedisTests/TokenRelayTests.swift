import CognitionCore
import CognitionRedis
import CognitionTestSupport
import CognitionWorkflows
import Synchronization
import Testing

/// Texts of running tasks of one node, seen on another over a real server.
@Suite("Texts over Redis", .timeLimit(.minutes(1))) struct TokenRelayTests {
    private static let place = TokenBoard.Place(
        workspace: WorkspaceID("w"), execution: ExecutionID(UUIDv7(high: 1, low: 1)))

    /// What somebody who watches has been told.
    private final class Watcher: Sendable {
        private let watch: TokenWatch
        private let told = Mutex<[TokenUpdate]>([])

        init(_ streams: TokenStreams, _ place: TokenBoard.Place = place) {
            watch = streams.watch(place.execution, in: place.workspace) {}
        }

        var all: [TokenUpdate] {
            told.withLock { told in
                told += watch.take()
                return told
            }
        }

        /// The text of a task as it stands.
        func text(_ task: Int = 1) -> String {
            all.filter { $0.task == task }.reduce(into: "") { text, update in
                switch update.change {
                case .text(let piece, let offset):
                    text = offset == 0 ? piece : offset == text.utf8.count ? text + piece : "[gap]" + piece
                case .reset(let reason): text = "[\(reason)]"
                }
            }
        }

        func end() { watch.end() }
    }

    private func writer(_ task: Int = 1, attempt: Int = 1, at place: TokenBoard.Place = place) -> TokenBoard.Writer {
        TokenBoard.Writer(place: place, task: task, name: "t\(task)", attempt: attempt)
    }

    /// Lends two nodes.
    private func withNodes(
        _ body:
            @escaping @Sendable (_ near: TokenStreams, _ far: TokenStreams, RedisServer, RedisClient) async throws
            -> Void
    ) async throws {
        try await RedisServer.with { server in
            let (near, far) = (TokenStreams(), TokenStreams())
            try await withClient(options(of: server.port)) { first in
                try await withClient(options(of: server.port)) { second in
                    for client in [first, second] { try await client.connected() }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { await TokenRelay(near, over: first, channel: "c", node: "near").run() }
                        group.addTask { await TokenRelay(far, over: second, channel: "c", node: "far").run() }
                        group.addTask { try await body(near, far, server, first) }
                        try await group.next()
                        group.cancelAll()
                    }
                    try await eventually { near.isEmpty && far.isEmpty }
                }
            }
        }
    }

    @Test("Who watches elsewhere gets the text so far, each piece, resets and ends; nothing stays behind")
    func live() async throws {
        try await withNodes { near, far, _, _ in
            let text = near.open(writer())
            text.sink.write("Grüße")
            let (here, there, stranger) = (
                Watcher(near), Watcher(far),
                Watcher(far, .init(workspace: WorkspaceID("x"), execution: Self.place.execution))
            )
            try await eventually { there.text() == "Grüße" }
            for word in [", ", "Welt"] { text.sink.write(word) }
            try await eventually { there.text() == "Grüße, Welt" && here.text() == "Grüße, Welt" }
            // One that comes while another watches already, and one that watches nothing yet.
            let late = Watcher(far)
            #expect(late.text() == "Grüße, Welt")
            text.sink.reset(because: "asked again")
            try await eventually { [here, there, late].allSatisfy { $0.text() == "[asked again]" } }
            text.sink.write("New")
            try await eventually { [here, there, late].allSatisfy { $0.text() == "New" } }
            let other = near.open(writer(2))
            other.sink.write("Two")
            other.sink.write(" words")
            other.end(voidBecause: nil)
            text.end(voidBecause: "failed")
            try await eventually { there.text() == "[failed]" && there.text(2) == "Two words" }
            #expect(here.text() == "[failed]" && stranger.all.isEmpty)
            // The text has ended there, too.
            try await eventually {
                let later = Watcher(far)
                defer { later.end() }
                return later.all.isEmpty
            }
            for watcher in [here, there, stranger, late] { watcher.end() }
        }
    }

    @Test("Both nodes run tasks of one execution: each sees all of them once, and nothing goes round")
    func both() async throws {
        try await withNodes { near, far, _, _ in
            let watchers = [Watcher(near), Watcher(far)]
            let texts = [near.open(writer(1)), far.open(writer(2))]
            for number in 0..<50 { for text in texts { text.sink.write("\(number % 10)") } }
            let all = String(repeating: "0123456789", count: 5)
            try await eventually { watchers.allSatisfy { $0.text(1) == all && $0.text(2) == all } }
            for text in texts { text.end(voidBecause: nil) }
            for watcher in watchers { watcher.end() }
        }
    }

    @Test("After an outage of Redis the text is told again from its beginning, with what came meanwhile")
    func outage() async throws {
        try await withNodes { near, far, server, _ in
            let there = Watcher(far)
            let text = near.open(writer())
            text.sink.write("before")
            try await eventually { there.text() == "before" }
            server.stop()
            text.sink.write(", meanwhile")
            try server.start()
            text.sink.write(", after")
            try await eventually { there.text() == "before, meanwhile, after" }
            text.end(voidBecause: nil)
            there.end()
        }
    }

    @Test("What strangers say on the channels does no harm")
    func garbage() async throws {
        try await withNodes { near, far, _, client in
            let there = Watcher(far)
            let execution = Self.place.execution.description
            let text = #""workspace":"w","execution":"\#(execution)","name":"t1","task":1,"attempt":1"#
            for message in [
                "", "{}", "[]", "null", #"{"node":""}"#, #"{"node":"x","watches":[1,[],["w","x"],["w"]]}"#,
                #"{"node":"x","watches":{}}"#, #"{"node":"x",\#(text)}"#,
                #"{"node":"x",\#(text),"offset":9223372036854775807,"text":"a"}"#,
                #"{"node":"x",\#(text),"offset":-9223372036854775808}"#, #"{"node":"x",\#(text),"reason":"r"}"#,
                #"{"node":"x",\#(text),"live":[1,[9223372036854775807,-1],["a"]]}"#,
                String(repeating: "[", count: 10_000),
            ] {
                for channel in ["c:watch", "c:text:far", "c:text:near"] {
                    try await client.publish(Array(message.utf8), to: channel)
                }
            }
            let mine = near.open(writer(2))
            mine.sink.write("sound")
            try await eventually { there.text(2) == "sound" }
            #expect(there.text(1).isEmpty)
            mine.end(voidBecause: nil)
            there.end()
        }
    }
}
