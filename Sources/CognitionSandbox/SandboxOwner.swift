import Foundation

/// The process that sandboxes belong to, as their command lines name it.
///
/// When a server is killed in the moment in which bubblewrap makes a sandbox, bubblewrap's second half may wait for ever
/// for its first. It does nothing and holds nothing, and is ended by whoever starts next.
enum SandboxOwner {
    private static let prefix = "cognitionos-sandbox:"

    /// This process: its number and the moment of its start, which together are never another's.
    static let name = prefix + "\(getpid()):\(startTicks(of: getpid()) ?? 0)"

    /// Ends what belongs to processes that are gone.
    static func endAbandoned() {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for number in numbers {
            guard let pid = pid_t(number), let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"),
                let word = line.split(separator: 0).lazy.map({ String(decoding: $0, as: UTF8.self) })
                    .first(where: { $0.hasPrefix(prefix) })
            else { continue }
            let parts = word.dropFirst(prefix.count).split(separator: ":").compactMap { UInt64($0) }
            guard parts.count == 2, let owner = pid_t(exactly: parts[0]), startTicks(of: owner) != parts[1] else {
                continue
            }
            kill(pid, SIGKILL)
        }
    }

    private static func startTicks(of pid: pid_t) -> UInt64? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        let fields = String(decoding: data, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }
}
