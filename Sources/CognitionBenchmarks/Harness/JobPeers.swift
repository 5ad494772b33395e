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
        let file = folder + "/peer-\(UUID().uuidString)"
        return [
            figure(of: "huey", at: file + "-huey.db", count),
            // Slow enough for fewer to tell.
            figure(of: "apscheduler", at: "sqlite:///\(file)-apscheduler.db", count / 8),
        ].compactMap(\.self)
    }

    func onPostgres(url: String, count: Int) -> [String] {
        [
            figure(of: "procrastinate", at: url, count),
            figure(of: "apscheduler", at: url.replacing("postgresql:", with: "postgresql+psycopg:"), count / 8),
        ].compactMap(\.self)
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
            figure(of: "rq", at: place, count), figure(of: "celery", at: place, count),
        ].compactMap(\.self)
    }

    private func figure(of name: String, at place: String, _ count: Int) -> String? {
        rate(of: name, at: place, count).map { "\(name) \($0.grouped)/s" }
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
