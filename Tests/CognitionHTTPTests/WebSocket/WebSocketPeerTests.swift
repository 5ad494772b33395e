import CognitionCore
import Foundation
import Synchronization
import Testing

/// Interoperability with clients that others wrote: the Python packages `websockets` and `picows`.
@Suite struct WebSocketPeerTests {
    /// `COGNITIONOS_PEER_PYTHON`, or the environment that `Scripts/install-dependencies test` prepares.
    private static let python =
        ProcessInfo.processInfo.environment["COGNITIONOS_PEER_PYTHON"] ?? ".build/peers/bin/python"

    @Test(
        "The client websockets connects in every way, follows an execution, resumes it, and is told what it did wrong")
    func websockets() async throws {
        let report = try await Self.report(of: "websocket_peer.py")
        #expect(report["events"] == 200)
        #expect(report["binary"] == 1003)
        #expect(report["large"] == 1009)
        #expect(report["bad_token"] == 4401)
        #expect(report["stranger"] == 4403)
        #expect(report["refused"] == 401)
        #expect(report["sync"] == 1)
        #expect(report["reused"] == 3)
        #expect(report["many"] == 100)
    }

    @Test("The client picows follows an execution, resumes it, sends fragments, and is told what it did wrong")
    func picows() async throws {
        let report = try await Self.report(of: "picows_peer.py")
        #expect(report["events"] == 200)
        #expect(report["binary"] == 1003)
        #expect(report["reserved"] == 1002)
        #expect(report["large"] == 1009)
        #expect(report["refused"] == 401)
        #expect(report["many"] == 100)
    }

    /// What a script has to say that follows two hundred events of an execution.
    private static func report(of name: String) async throws -> JSONValue {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Peer/\(name)").path
        let result = Mutex(JSONValue.null)
        try await withLiveServer { server in
            try await server.append()
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = [python, script, "\(server.port)", TestExecutions.first, "200"]
            let (input, output) = (Pipe(), Pipe())
            process.standardInput = input
            process.standardOutput = output
            try process.run()
            var lines = output.fileHandleForReading.lines()
            let isReady = await lines.next() == "ready"
            try #require(isReady, "needs Python with websockets and picows: run Scripts/install-dependencies test")
            input.fileHandleForWriting.write(Data("go\n".utf8))
            try await server.append(200)
            let report = try JSONValue(parsing: try #require(await lines.next()))
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            result.withLock { $0 = report }
        }
        return result.withLock { $0 }
    }
}

extension FileHandle {
    /// What comes, line by line, read on a thread of its own, as reading waits.
    fileprivate func lines() -> AsyncStream<String>.Iterator {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        Thread.detachNewThread {
            var rest = Data()
            while true {
                let more = self.availableData
                guard !more.isEmpty else { break }
                rest.append(more)
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    continuation.yield(String(decoding: rest[..<end], as: UTF8.self))
                    rest = Data(rest[rest.index(after: end)...])
                }
            }
            continuation.finish()
        }
        return stream.makeAsyncIterator()
    }
}
