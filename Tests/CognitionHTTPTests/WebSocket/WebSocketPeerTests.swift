import CognitionCore
import Foundation
import Testing

/// Interoperability with a client that others wrote: the Python package `websockets`.
@Suite struct WebSocketPeerTests {
    /// `COGNITIONOS_PEER_PYTHON`, or the environment that `Scripts/install-dependencies test` prepares.
    private static let python =
        ProcessInfo.processInfo.environment["COGNITIONOS_PEER_PYTHON"] ?? ".build/peers/bin/python"

    @Test("A Python client connects in every way, follows an execution, resumes it, and is told what it did wrong")
    func python() async throws {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Peer/websocket_peer.py").path
        try await withLiveServer { server in
            try await server.append()
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = [Self.python, script, "\(server.port)", TestExecutions.first, "200"]
            let (input, output) = (Pipe(), Pipe())
            process.standardInput = input
            process.standardOutput = output
            try process.run()
            var lines = output.fileHandleForReading.lines()
            let isReady = await lines.next() == "ready"
            try #require(isReady, "needs Python with the package websockets: run Scripts/install-dependencies test")
            input.fileHandleForWriting.write(Data("go\n".utf8))
            try await server.append(200)
            let report = try JSONValue(parsing: try #require(await lines.next()))
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            #expect(report["events"] == 200)
            #expect(report["binary"] == 1003)
            #expect(report["large"] == 1009)
            #expect(report["bad_token"] == 4401)
            #expect(report["refused"] == 401)
            #expect(report["many"] == 100)
        }
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
