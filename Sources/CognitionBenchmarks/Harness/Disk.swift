import CognitionCore
import Foundation
import Synchronization

/// How long the disk takes to make 4 KiB durable, all through the run.
///
/// A page is written over inside a file and `fdatasync` called, which is what a commit does in a write-ahead log that
/// is used again and again.
final class Disk: Sendable {
    struct Figures: Sendable {
        /// Milliseconds.
        var median = 0.0
        var percentile99 = 0.0
        var samples = 0
    }

    private let file: String
    private let samples = Mutex<[Double]>([])
    private static let pages = 256

    init(file: String) { self.file = file }

    /// Takes `count` samples and returns them in milliseconds.
    @discardableResult
    func sample(_ count: Int) throws -> [Double] {
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw BenchmarkFailure("\(file) cannot be opened") }
        defer { close(descriptor) }
        let page = [UInt8](repeating: 0x5A, count: 4_096)
        if lseek(descriptor, 0, SEEK_END) < Self.pages * page.count {
            for number in 0..<Self.pages { pwrite(descriptor, page, page.count, off_t(number * page.count)) }
            fsync(descriptor)
        }
        let taken = try (0..<count).map { number in
            try seconds {
                let offset = off_t(number % Self.pages * page.count)
                guard pwrite(descriptor, page, page.count, offset) == page.count, Self.synchronize(descriptor) == 0
                else {
                    throw BenchmarkFailure("\(file) cannot be written")
                }
            } * 1e3
        }
        samples.withLock { $0 += taken }
        return taken
    }

    var figures: Figures {
        samples.withLock { samples in
            Figures(median: samples.median, percentile99: samples.percentile(0.99), samples: samples.count)
        }
    }

    private static func synchronize(_ descriptor: Int32) -> Int32 {
        #if os(Linux)
            fdatasync(descriptor)
        #else
            fsync(descriptor)
        #endif
    }
}

/// Why a benchmark could not be run.
struct BenchmarkFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
