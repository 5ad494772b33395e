import Foundation

/// Lends a new empty folder, readable by this user alone, and removes it with all it holds.
package func withTemporaryDirectory<Value>(_ body: (_ path: String) async throws -> Value) async throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("cognition-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    do {
        let value = try await body(folder)
        try remove(folder)
        return value
    } catch {
        // What the body says is what matters.
        try? FileManager.default.removeItem(atPath: folder)
        throw error
    }
}

/// What was under test may still be clearing away its own files: who finds one gone, or a folder that is not empty, looks again.
private func remove(_ folder: String) throws {
    for _ in 1...100 {
        if (try? FileManager.default.removeItem(atPath: folder)) != nil { return }
        usleep(10_000)
    }
    try FileManager.default.removeItem(atPath: folder)
}
