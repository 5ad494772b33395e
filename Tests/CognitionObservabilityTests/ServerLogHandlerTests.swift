import CognitionCore
import CognitionObservability
import Logging
import Testing

#if canImport(Glibc)
    import Glibc
    import SwiftOverlayShims
#else
    import Darwin
#endif

@Suite struct ServerLogHandlerTests {
    private struct StoppedClock: WallClock {
        let now = Timestamp(microseconds: 1_795_000_000_123_456)
    }

    /// A pipe whose written end a sink gets.
    private final class Pipe: Sendable {
        let readEnd: Int32
        let writeEnd: Int32

        init() throws {
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            (readEnd, writeEnd) = (ends[0], ends[1])
            try #require(fcntl(readEnd, F_SETFL, O_NONBLOCK) == 0)
        }

        /// Everything that is in the pipe.
        func drain() -> String {
            var all: [UInt8] = []
            var part = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(readEnd, &part, part.count)
                guard count > 0 else { return String(decoding: all, as: UTF8.self) }
                all += part[..<count]
            }
        }

        deinit {
            close(readEnd)
            close(writeEnd)
        }
    }

    private func logger(
        _ pipe: Pipe, _ format: LogFormat = .json, level: Logger.Level = .info, patience: Duration = .zero
    ) -> Logger {
        let sink = LogSink(descriptor: pipe.writeEnd, patience: patience)
        return Logger(label: "test") {
            ServerLogHandler(label: $0, levels: LogLevels(level), format: format, sink: sink, clock: StoppedClock())
        }
    }

    @Test("A JSON line has time, level, label, message and sorted metadata")
    func json() throws {
        let pipe = try Pipe()
        var logger = logger(pipe)
        logger[metadataKey: "workspace.id"] = "w1"
        logger.info(
            "Task retried",
            metadata: ["task.attempt": "\(3)", "list": ["a", ["k": "v", "b": "c"]], "message": "other"])
        #expect(
            pipe.drain() == """
                {"time":"2026-11-18T11:06:40.123456Z","level":"info","label":"test","message":"Task retried",\
                "list":["a",{"b":"c","k":"v"}],"_message":"other","task.attempt":"3","workspace.id":"w1"}\n
                """)
    }

    @Test("A text line reads well")
    func text() throws {
        let pipe = try Pipe()
        logger(pipe, .text).warning("Slow query", metadata: ["took": "1.5s", "sql": "SELECT 1", "empty": ""])
        #expect(
            pipe.drain()
                == "2026-11-18T11:06:40.123456Z warning  test: Slow query empty=\"\" sql=\"SELECT 1\" took=1.5s\n")
    }

    @Test("Levels below the handler's are not written")
    func levels() throws {
        let pipe = try Pipe()
        let logger = logger(pipe, level: .warning)
        for level in Logger.Level.allCases { logger.log(level: level, "x") }
        #expect(pipe.drain().split(separator: "\n").count == 3)
    }

    @Test("The most specific metadata wins, and an error is told")
    func merging() throws {
        struct Broken: Error, CustomStringConvertible { let description = "it broke" }
        let pipe = try Pipe()
        let sink = LogSink(descriptor: pipe.writeEnd)
        var handler = ServerLogHandler(
            label: "l", format: .json, sink: sink, clock: StoppedClock(),
            metadataProvider: .init { ["a": "provider", "b": "provider", "c": "provider"] })
        handler[metadataKey: "b"] = "handler"
        handler[metadataKey: "c"] = "handler"
        let logger = Logger(label: "l") { [handler] _ in handler }
        logger.error("x", error: Broken(), metadata: ["c": "call"])
        #expect(pipe.drain().hasSuffix("\"a\":\"provider\",\"b\":\"handler\",\"c\":\"call\",\"error\":\"it broke\"}\n"))
    }

    @Test("Secrets are masked by type and by key", arguments: LogFormat.allCases)
    func secrets(_ format: LogFormat) throws {
        let pipe = try Pipe()
        let logger = logger(pipe, format)
        let keys = [
            "password", "db.password", "user_password", "apiKey", "api_key", "llm.openai.api-key", "Authorization",
            "http.header/cookie",
            "access_token", "refreshToken", "secret", "client_secret", "security.secret_key", "jwt", "credentials",
            "private_key",
        ]
        for key in keys { logger.info("x", metadata: [key: "hunter2", "deep": [key: ["hunter2"]]]) }
        logger.info("x", metadata: ["plain": .stringConvertible(Secret("hunter2")), "other": "\(Secret("hunter2"))"])
        logger.info("\(Secret("hunter2"))")
        let output = pipe.drain()
        #expect(!output.contains("hunter2"), "\(output)")
        #expect(output.contains("••••"))
        logger.info(
            "x", metadata: ["usage.input_tokens": "12", "tokenizer": "seen", "keyword": "seen", "monkey": "seen"])
        let shown = pipe.drain()
        #expect(shown.contains("12") && !shown.contains("••••"))
    }

    @Test("Secrets in texts are masked, in messages and in metadata", arguments: LogFormat.allCases)
    func secretsInTexts(_ format: LogFormat) throws {
        struct Broken: Error, CustomStringConvertible { let description = "GET /a?access_token=hunter2 failed" }
        let pipe = try Pipe()
        logger(pipe, format).warning(
            "Refused /ws/connect?token=hunter2&room=a", error: Broken(),
            metadata: [
                "http.url": "https://h/x?token=hunter2", "http.authorization": "Bearer hunter2",
                "deep": ["list": ["Authorization: Bearer hunter2"]],
                "url": .stringConvertible("postgres://u:hunter2@h/"),
            ])
        let output = pipe.drain()
        #expect(!output.contains("hunter2") && output.contains("&room=a"), "\(output)")
        #expect(output.split(separator: Secret.mask, omittingEmptySubsequences: false).count == 7)
    }

    @Test("What the edge binds once is in every line below it")
    func boundMetadata() async throws {
        let pipe = try Pipe()
        await withLogger(logger(pipe)) { _ in
            await withLogger(mergingMetadata: ["request.id": "r1", "workspace.id": "w1"]) { logger in
                logger.info("first")
                await withLogger(mergingMetadata: ["execution.id": "e1"]) { _ in await self.logSecond() }
            }
        }
        let lines = try pipe.drain().split(separator: "\n").map { try JSONValue(parsing: String($0)) }
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0["request.id"] == "r1" && $0["workspace.id"] == "w1" })
        #expect(lines.map { $0["execution.id"] } == [nil, "e1"])
    }

    private func logSecond() async { Logger.current.info("second") }

    @Test("A secret shows in no other way")
    func secret() {
        let secret = Secret("hunter2")
        #expect("\(secret) \(String(reflecting: secret)) \([secret])".contains("hunter2") == false)
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains("hunter2"))
        #expect(
            secret.reveal() == "hunter2" && secret == Secret("hunter2") && secret != Secret("hunter3")
                && secret != Secret("hunter22"))
        #expect(Set([secret, Secret("hunter2")]).count == 1)
    }

    @Test("No value can begin a line or steer a terminal", arguments: LogFormat.allCases)
    func injection(_ format: LogFormat) throws {
        let pipe = try Pipe()
        let evil = "a\nb\r\nc\u{1B}[2Jd\u{0}e\u{85}f\u{2028}g\u{202E}h\"i\\j\u{7F}\u{9B}"
        logger(pipe, format).info("\(evil)", metadata: ["k": "\(evil)", "evil\nkey": "v", "l": [.string(evil)]])
        let output = pipe.drain()
        #expect(output.filter { $0.isNewline }.count == 1 && output.hasSuffix("\n"))
        let hostile: Set<UInt32> = [0, 0x0D, 0x1B, 0x7F, 0x85, 0x9B, 0x2028, 0x202E]
        #expect(!output.unicodeScalars.contains { hostile.contains($0.value) })
        if format == .json {
            let parsed = try JSONValue(parsing: String(output.dropLast()))
            #expect(parsed["message"]?.stringValue == evil && parsed["k"]?.stringValue == evil)
        }
    }

    @Test("Long lines are cut, stay valid, and say so", arguments: LogFormat.allCases)
    func bounds(_ format: LogFormat) throws {
        let pipe = try Pipe()
        let huge = String(repeating: "ä", count: 100_000)
        logger(pipe, format).info(
            "\(huge)",
            metadata: [
                "a": "\(huge)", "b": "\(huge)", "c": "small", "d": .array(Array(repeating: "\(huge)", count: 9)),
            ])
        let output = pipe.drain()
        #expect(
            output.utf8.count <= 16_384 && output.contains("…") && output.contains("log.cut")
                && output.contains("small"))
        if format == .json { _ = try JSONValue(parsing: String(output.dropLast())) }
    }

    @Test("Deep metadata ends")
    func depth() throws {
        let pipe = try Pipe()
        var value: Logger.MetadataValue = "end"
        for _ in 0..<10_000 { value = [value] }
        logger(pipe).info("x", metadata: ["deep": value])
        _ = try JSONValue(parsing: String(pipe.drain().dropLast()))
    }

    @Test("Lines of many threads do not mix")
    func interleaving() async throws {
        let pipe = try Pipe()
        let logger = logger(pipe)
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for line in 0..<20 {
                        logger.info(
                            "\(task)",
                            metadata: ["line": "\(line)", "fill": "\(String(repeating: "\(task)", count: 100))"])
                    }
                }
            }
        }
        let lines = pipe.drain().split(separator: "\n")
        #expect(lines.count == 160)
        for line in lines {
            let parsed = try JSONValue(parsing: String(line))
            let task = try #require(parsed["message"]?.stringValue)
            #expect(parsed["fill"]?.stringValue == String(repeating: task, count: 100))
        }
    }

    @Test("A full pipe drops lines instead of stopping, and tells how many")
    func fullPipe() throws {
        let pipe = try Pipe()
        let sink = LogSink(descriptor: pipe.writeEnd, patience: .milliseconds(20))
        let logger = Logger(label: "test") {
            ServerLogHandler(label: $0, format: .json, sink: sink, clock: StoppedClock())
        }
        let fill = String(repeating: "x", count: 1_000)
        let started = ContinuousClock.now
        for _ in 0..<5_000 { logger.info("\(fill)") }
        #expect(ContinuousClock.now - started < .seconds(10))
        let lost = sink.dropped
        #expect(lost > 4_000)
        let before = pipe.drain()
        #expect(before.hasSuffix("}\n"))
        logger.info("back")
        let after = pipe.drain().split(separator: "\n")
        #expect(after.count == 2)
        #expect(after.first?.contains("\"message\":\"Log lines were lost\",\"log.lost\":\"\(lost)\"") == true)
        #expect(sink.dropped == 0)
    }

    @Test("A line torn by a full pipe does not spoil the next")
    func tornLine() throws {
        let pipe = try Pipe()
        let sink = LogSink(descriptor: pipe.writeEnd, patience: .milliseconds(20))
        let logger = Logger(label: "test") {
            ServerLogHandler(label: $0, format: .json, sink: sink, clock: StoppedClock())
        }
        let fill = String(repeating: "x", count: 8_000)
        while sink.dropped == 0 { logger.info("\(fill)") }
        _ = pipe.drain()
        logger.info("back")
        let lines = pipe.drain().split(separator: "\n", omittingEmptySubsequences: true)
        #expect(lines.count == 2)
        for line in lines { _ = try JSONValue(parsing: String(line)) }
    }

    @Test("Lines go to files whole")
    func file() throws {
        var path = Array("/tmp/cognition-log-XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        try #require(descriptor >= 0)
        defer {
            close(descriptor)
            unlink(path)
        }
        let logger = Logger(label: "test") {
            ServerLogHandler(label: $0, format: .text, sink: LogSink(descriptor: descriptor), clock: StoppedClock())
        }
        let fill = String(repeating: "x", count: 8_000)
        for _ in 0..<50 { logger.info("\(fill)") }
        let size = lseek(descriptor, 0, SEEK_END)
        #expect(size == off_t(50 * ("2026-11-18T11:06:40.123456Z info     test: ".utf8.count + 8_001)))
    }
}
