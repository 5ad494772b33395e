import Foundation

/// The wall clock of the programs that are started with its environment, set by libfaketime; other clocks of theirs are true.
struct FakeClock {
    /// The library; `nil` where it is not installed.
    static let library: String? = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map {
        "/usr/lib/\($0)/faketime/libfaketimeMT.so.1"
    }.first { FileManager.default.fileExists(atPath: $0) }

    private let file: String
    private let shared: [String]
    let environment: [String: String]

    init(in sandbox: Sandbox) throws {
        let name = UUID().uuidString
        shared = ["/dev/shm/sem.faketime-\(name)", "/dev/shm/faketime-\(name)"]
        // What its processes share. Where that is not there, the library makes it and says so with setenv, which takes the
        // environment away from beside the arguments, by which Swift finds these.
        for (path, content) in zip(shared, [[1] + [UInt8](repeating: 0, count: 31), .init(repeating: 0, count: 4_096)])
        {
            try Data(content).write(to: URL(fileURLWithPath: path))
        }
        file = try sandbox.file("clock", "+0")
        environment = [
            "LD_PRELOAD": Self.library ?? "", "FAKETIME_TIMESTAMP_FILE": file, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1",
            // Else waits by the monotonic clock end at once.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "FAKETIME_SHARED": "/faketime-\(name) /faketime-\(name)",
        ]
    }

    /// Sets the clock, so far from the true one.
    func set(_ seconds: Int) throws {
        // Renamed, so that nobody reads a half.
        try Data((seconds < 0 ? "\(seconds)" : "+\(seconds)").utf8).write(
            to: URL(fileURLWithPath: file), options: .atomic)
    }

    func remove() { for path in shared { unlink(path) } }
}
