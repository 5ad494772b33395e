import Foundation

/// What a process and all its descendants use, as `/proc` tells it.
struct ProcessTree {
    /// Memory that is not the content of files, in bytes; what is shared counts for each process that has it.
    private(set) var memoryBytes = 0
    /// Including descendants that have ended.
    private(set) var processorTime = Duration.zero
    private(set) var processes = 0

    private static let ticksPerSecond = sysconf(Int32(_SC_CLK_TCK))

    init(of root: pid_t) {
        var pending = [root]
        while let process = pending.popLast(), processes < 100_000 {
            processes += 1
            add(process)
            pending += Self.children(of: process)
        }
    }

    private mutating func add(_ process: pid_t) {
        for line in Self.text("/proc/\(process)/status").split(separator: "\n")
        where line.hasPrefix("RssAnon:") || line.hasPrefix("RssShmem:") {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.count > 1, let kibibytes = Int(words[1]) { memoryBytes += kibibytes << 10 }
        }
        // The name, in parentheses, may hold anything.
        let fields = Self.text("/proc/\(process)/stat").split(separator: ")").last?.split(separator: " ") ?? []
        let ticks = fields.dropFirst(11).prefix(4).compactMap { Int($0) }.reduce(0, +)
        processorTime += .milliseconds(ticks * 1_000 / Self.ticksPerSecond)
    }

    private static func children(of process: pid_t) -> [pid_t] {
        let folder = "/proc/\(process)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return threads.flatMap { text("\(folder)/\($0)/children").split(separator: " ").compactMap { pid_t($0) } }
    }

    /// A file of `/proc`; empty when the process is gone.
    private static func text(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
    }
}
