import CognitionObservability
import Testing

@testable import struct CognitionObservability.ProcessStatus

#if canImport(Glibc)
    import Glibc
    import SwiftOverlayShims
#endif

@Suite struct ProcessMetricsTests {
    @Test("The program's name may hold what it wants")
    func status() throws {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 42 18 777 20 999 22"
        for name in ["x", "a b", ") R 1 2 (", "a)\n(b"] {
            let status = try #require(ProcessStatus("12 (\(name)) \(fields)\n"))
            #expect(status.threads == 42 && status.startTicks == 777 && status.residentPages == 999)
        }
        for broken in ["", "12 (x", "12 (x) S 1 2", "12 (x) \(fields.replacing("777", with: "y"))"] {
            #expect(ProcessStatus(broken) == nil)
        }
    }

    #if os(Linux)
        @Test("This process is told about")
        func collected() throws {
            let before = values()
            let cpu = try #require(before["process.cpu"])
            let memory = try #require(before["process.resident_memory"])
            let started = try #require(before["process.start_time"])
            let files = try #require(before["process.open_fds"])
            #expect(before.count == 6 && (before["process.threads"] ?? 0) >= 1)
            #expect(memory > 1e6 && memory < 1e11)
            #expect(started > 1.6e9 && started <= Double(time(nil)) + 2)
            #expect((before["process.max_fds"] ?? 0) >= files)

            // Another file is one more; work is more time.
            let descriptor = open("/dev/null", O_RDONLY)
            defer { close(descriptor) }
            #expect(values()["process.open_fds"] == files + 1)
            var sum = 0
            while (values()["process.cpu"] ?? 0) <= cpu { sum &+= 1 }
        }

        private func values() -> [String: Double] {
            Dictionary(uniqueKeysWithValues: ProcessMetrics.collect().map { ($0.label, $0.value) })
        }
    #endif
}
