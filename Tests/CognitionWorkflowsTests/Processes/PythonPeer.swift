import Foundation
import Synchronization

/// A server in Python that runs beside a test, and says in its first line of output which port it has.
struct PythonPeer {
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    let port: Int

    /// The repository's own environment, as `Scripts/install-dependencies test` makes it.
    private static var python: String {
        ProcessInfo.processInfo.environment["COGNITIONOS_PEER_PYTHON"]
            ?? ProcessPeers.folder.appending(path: "../../../../.build/peers/bin/python").standardizedFileURL.path
    }

    static func run<Result>(
        _ arguments: [String], environment: [String: String] = [:], _ body: (PythonPeer) async throws -> Result
    ) async throws -> Result {
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = ["-u"] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let (input, output, errors) = (Pipe(), Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        defer {
            // It has inherited the signals that threads of the test block, the one to terminate among them.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        // Its access log, which must not fill the pipe.
        errors.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
        defer { errors.fileHandleForReading.readabilityHandler = nil }
        let line = await firstLine(of: output.fileHandleForReading)
        // `8000`, or `Serving HTTP on 127.0.0.1 port 8000 (…`.
        let words = line.split(separator: " ")
        guard let port = words.compactMap({ Int($0) }).last else {
            throw Missing(
                description: "\(arguments) does not start; run Scripts/install-dependencies test, or let "
                    + "COGNITIONOS_PEER_PYTHON name a Python that has the package mcp")
        }
        return try await body(PythonPeer(port: port))
    }

    /// Waits on a thread that may wait.
    private static func firstLine(of handle: FileHandle) async -> String {
        await withCheckedContinuation { continuation in
            Thread {
                var line: [UInt8] = []
                while let byte = try? handle.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") { line.append(byte) }
                continuation.resume(returning: String(decoding: line, as: UTF8.self))
            }.start()
        }
    }
}
