import CognitionCore
import Foundation

/// How soon the server is ready, and what it takes while nobody asks it anything.
struct StartupBenchmark: Benchmark {
    static let name = "startup"

    private static let sockets = 1_000

    func run(_ bench: Bench) async throws -> [Measurement] {
        guard let program = ServerProcess.program else {
            return [.missing("start of the server", Measurement.missingServer)]
        }
        return try starts(program, bench) + (try memory(bench))
    }

    /// Ten servers, each started in an empty folder and then once more.
    private func starts(_ program: URL, _ bench: Bench) throws -> [Measurement] {
        var times: (first: [Double], again: [Double]) = ([], [])
        let count = bench.isQuick ? 3 : 10
        for number in 0..<count {
            let folder = bench.folder + "/startup-\(number)"
            try bench.disk.sample(20)
            times.first.append(try start(program, folder))
            times.again.append(try start(program, folder))
        }
        return [
            line("start of the server until it is ready, empty folder", times.first),
            line("start of the server until it is ready, again", times.again),
        ]
    }

    /// Milliseconds from making the process until `health/ready` answers 200, with the settings that a server has by
    /// itself.
    private func start(_ program: URL, _ folder: String) throws -> Double {
        let start = ContinuousClock.now
        let server = try ServerProcess(program, folder: folder)
        defer { server.stop() }
        try server.awaitReady()
        return (ContinuousClock.now - start).seconds * 1e3
    }

    private func line(_ subject: String, _ times: [Double]) -> Measurement {
        Measurement(
            subject: subject, figure: "\(times.median.digits(0)) ms",
            beside: "\(times.percentile(0).digits(0)) to \(times.percentile(1).digits(0)) ms in \(times.count) starts",
            floors: [.atMost(300, times.median, "<= 300 ms")])
    }

    private func memory(_ bench: Bench) throws -> [Measurement] {
        let count = bench.size(Self.sockets)
        let measurements = try ServerProcess.with(bench.folder + "/memory") { server in
            let user = try ServerUser(on: server)
            sleep(3)
            let idle = try server.residentBytes()
            let sockets = try (0..<count).map { _ in try WebSocketClient(port: server.port, token: user.token) }
            sleep(3)
            let connected = try server.residentBytes()
            withExtendedLifetime(sockets) {}
            return lines(idle: Double(idle), perSocket: Double(connected - idle) / Double(count), count: count)
        }
        return measurements ?? []
    }

    private func lines(idle: Double, perSocket: Double, count: Int) -> [Measurement] {
        let (mebibytes, kibibytes) = (idle / Double(1 << 20), perSocket / Double(1 << 10))
        return [
            Measurement(
                subject: "resident memory of an idle server", figure: "\(mebibytes.digits(1)) MiB",
                beside: "3 s after it was ready and somebody has logged in; one server",
                floors: [.atMost(60, mebibytes, "<= 60 MiB")]),
            Measurement(
                subject: "the same for each of \(Double(count).grouped) idle WebSockets",
                figure: "\(kibibytes.digits(1)) KiB", beside: "one server",
                floors: [.atMost(12, kibibytes, "<= 12 KiB")]),
        ]
    }
}
