#if canImport(Glibc)
    import Glibc
    import SwiftOverlayShims
#else
    import Darwin
#endif

/// What the system knows of this process, read from `/proc`: https://www.kernel.org/doc/html/latest/filesystems/proc.html.
/// What cannot be read is left out, which is nearly everything where there is no `/proc`.
package enum ProcessMetrics {
    /// A collector for ``PrometheusMetrics/onScrape(_:)``.
    @Sendable package static func collect() -> [MetricReading] {
        var readings: [MetricReading] = []
        if let seconds = cpuSeconds() { readings.append(MetricReading("process.cpu", seconds)) }
        if let stat = read("/proc/self/stat").flatMap(ProcessStatus.init) {
            readings.append(
                MetricReading("process.resident_memory", Double(stat.residentPages) * Double(getpagesize())))
            readings.append(MetricReading("process.threads", Double(stat.threads)))
            if let boot = read("/proc/stat").flatMap(bootTime) {
                let started = Double(boot) + Double(stat.startTicks) / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
                readings.append(MetricReading("process.start_time", started))
            }
        }
        if let count = openDescriptors() { readings.append(MetricReading("process.open_fds", Double(count))) }
        if let most = descriptorsMax() { readings.append(MetricReading("process.max_fds", Double(most))) }
        return readings
    }

    private static func cpuSeconds() -> Double? {
        var time = timespec()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return nil }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func descriptorsMax() -> UInt64? {
        var limit = rlimit()
        #if canImport(Glibc)
            let resource = Int32(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        guard getrlimit(resource, &limit) == 0 else { return nil }
        return UInt64(limit.rlim_cur)
    }

    /// Names in `/proc/self/fd`, without `.`, `..` and the one that lists them.
    private static func openDescriptors() -> Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return max(0, count - 3)
    }

    /// The line `btime` of `/proc/stat`: seconds since 1970.
    static func bootTime(_ text: String) -> Int? {
        text.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Int($0.dropFirst(6)) }
    }

    /// The first 256 KiB of a file of `/proc`, whose size nobody knows before.
    private static func read(_ path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        let bytes = [UInt8](unsafeUninitializedCapacity: 262_144) { buffer, count in
            count = fread(buffer.baseAddress, 1, buffer.count, file)
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}

/// Fields of `/proc/self/stat`, counted as in proc(5).
struct ProcessStatus: Equatable {
    /// Field 20.
    let threads: Int
    /// Field 22: when the process began, in ticks since the machine did.
    let startTicks: Int
    /// Field 24.
    let residentPages: Int

    /// `nil` when the text is not what it should be.
    init?(_ text: String) {
        // The second field is the program's name in parentheses, and may hold anything.
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(whereSeparator: \.isWhitespace)
        guard fields.count >= 22, let threads = Int(fields[17]), let startTicks = Int(fields[19]),
            let residentPages = Int(fields[21])
        else { return nil }
        self.threads = threads
        self.startTicks = startTicks
        self.residentPages = residentPages
    }
}
