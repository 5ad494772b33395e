import CognitionCore
import Foundation

/// The official Python clients of OpenAI and Anthropic, behind a script, as the judges of what goes over the wire.
enum ModelClientPeer {
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    static let isSkipped = ProcessInfo.processInfo.environment["COGNITIONOS_TEST_WITHOUT_MODEL_CLIENTS"] != nil

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    /// The repository's own environment, as `Scripts/install-dependencies test` makes it.
    private static var python: String {
        ProcessInfo.processInfo.environment["COGNITIONOS_PEER_PYTHON"]
            ?? folder.appending(path: "../../.build/peers/bin/python").standardizedFileURL.path
    }

    /// The answers of `Peer/model_clients.py`, in the order of the requests.
    static func ask(_ requests: [JSONValue]) async throws -> [JSONValue] {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "model-peer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        let (asked, answered) = (scratch.appending(path: "requests"), scratch.appending(path: "answers"))
        try requests.map(\.jsonText).joined(separator: "\n").write(to: asked, atomically: true, encoding: .utf8)
        try Data().write(to: answered)
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = [folder.appending(path: "Peer/model_clients.py").path, asked.path]
        process.standardOutput = try FileHandle(forWritingTo: answered)
        let status = try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        guard status == 0 else {
            throw Missing(
                description: "the Python packages openai and anthropic are needed to compare with: run "
                    + "Scripts/install-dependencies test, let COGNITIONOS_PEER_PYTHON name a Python that has them, or "
                    + "set COGNITIONOS_TEST_WITHOUT_MODEL_CLIENTS to skip.")
        }
        return try String(contentsOf: answered, encoding: .utf8).split(separator: "\n").map {
            try JSONValue(parsing: String($0))
        }
    }
}
