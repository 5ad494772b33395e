import Foundation
import GRDBSQLite

/// What the figures were measured on.
struct Machine: Sendable {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let memoryGiB = Double(ProcessInfo.processInfo.physicalMemory) / Double(1 << 30)
    let processor: String
    let kernel: String
    let sqlite = String(cString: sqlite3_libversion())

    init() {
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        let name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
        processor = name.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor"
        let release = try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)
        kernel = release.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) } ?? "unknown"
    }

    var description: String {
        "\(cores) cores (\(processor)), \(memoryGiB.digits(0)) GiB, kernel \(kernel), SQLite \(sqlite)"
    }
}
