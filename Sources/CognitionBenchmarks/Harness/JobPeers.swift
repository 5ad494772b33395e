import Foundation

/// Queues of jobs in Python that do the same: `Scripts/bench_jobs_peer.py`.
struct JobPeers {
    private static let script = "Scripts/bench_jobs_peer.py"
    private let python: String
    private let folder: String

    /// `nil`, with a word about it, without the Python that `Scripts/install-dependencies bench` prepares.
    init?(_ bench: Bench) {
        guard let python = FastAPIPeer.python else {
            Terminal.progress("the peers of jobs are not installed, and are not measured")
            return nil
        }
        self.python = python
        folder = bench.folder
    }

    /// How many jobs a second go the whole way, with the peer's name: on SQLite, with an fsync for each commit.
    func onSQLite(count: Int) -> [String] {
        [rate(of: "huey", at: folder + "/huey-\(UUID().uuidString).db", count).map { "huey \($0.grouped)/s" }]
            .compactMap(\.self)
    }

    func onPostgres(url: String, count: Int) -> [String] {
        [rate(of: "procrastinate", at: url, count).map { "procrastinate \($0.grouped)/s" }].compactMap(\.self)
    }

    /// With a Redis server that writes nothing to a disk.
    func onRedis(count: Int) -> [String] {
        guard let server = ["/usr/bin/redis-server"].first(where: FileManager.default.isExecutableFile),
            let port = try? Socket.freePort(),
            let child = try? Child(
                server, ["--port", String(port), "--save", "", "--appendonly", "no"],
                environment: ProcessInfo.processInfo.environment)
        else { return [] }
        defer { child.stop() }
        usleep(500_000)
        let place = "redis://127.0.0.1:\(port)/0"
        return [
            rate(of: "rq", at: place, count).map { "rq \($0.grouped)/s" },
            rate(of: "celery", at: place, count).map { "celery \($0.grouped)/s" },
        ].compactMap(\.self)
    }

    private func rate(of name: String, at place: String, _ count: Int) -> Double? {
        var environment = ProcessInfo.processInfo.environment
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment["PYTHONPATH"] = (Self.script as NSString).deletingLastPathComponent
        guard
            let child = try? Child(
                python, [Self.script, name, place, String(count)], environment: environment, catchesOutput: true),
            let output = try? child.outputAtEnd()
        else { return nil }
        return Double(output.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
