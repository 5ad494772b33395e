import CognitionCore
import Foundation

/// Measures the disk with a small file that is taken away again.
enum DiskSpeed {
    private static let rounds = 11

    /// How long each of a few writes of 4 KiB took to be durable.
    /// - Returns: `nil` when one failed.
    static func syncTimes(in folder: String) -> [Duration]? {
        let path = folder + "/.cognitionos-doctor-\(getpid())"
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        defer {
            close(descriptor)
            unlink(path)
        }
        let page = [UInt8](repeating: 0x5A, count: 4_096)
        var times: [Duration] = []
        for _ in 0..<rounds {
            let start = ContinuousClock.now
            guard write(descriptor, page, page.count) == page.count, fsync(descriptor) == 0 else { return nil }
            times.append(ContinuousClock.now - start)
        }
        return times
    }
}

extension [Duration] {
    var median: Duration? { isEmpty ? nil : sorted()[count / 2] }
}
