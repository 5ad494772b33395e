import CognitionCore
import Foundation

/// What executions that wait take of a server's memory: they lie in the database.
struct WaitingBenchmark: Benchmark {
    static let name = "waiting"

    private static let subject = "resident memory of a server for each of"
    private static let documents = [
        (waits: "timers", name: "timer", task: "{wait: PT10H}"),
        (waits: "events", name: "listener", task: "{listen: {to: {one: {with: {type: never}}}}}"),
    ]

    func run(_ bench: Bench) async throws -> [Measurement] {
        guard let load = LoadGenerator() else { return [.missing(Self.subject, Measurement.missingLoadGenerator)] }
        var measurements: [Measurement] = []
        for kind in Self.documents {
            let folder = bench.folder + "/waiting-" + kind.name
            let wanted = bench.size(100_000)
            let script = bench.folder + "/\(kind.name).lua"
            try LoadGenerator.script(posting: ServerUser.executeBody(kind.name)).write(
                toFile: script, atomically: true, encoding: .utf8)
            let empty = try ServerProcess.with(folder) { server in
                let user = try ServerUser(on: server)
                try user.store(
                    """
                    document: {dsl: '1.0.0', namespace: default, name: \(kind.name), version: '1.0.0'}
                    do: [{pause: \(kind.task)}]
                    """)
                sleep(3)
                let idle = try server.residentBytes()
                var count = 0
                while count < wanted {
                    count += try load.run(
                        port: server.port, path: ServerUser.executePath, token: user.token, seconds: 2, script: script
                    ).requests
                }
                sleep(15)
                return (idle: idle, grown: try server.residentBytes(), count: count)
            }
            guard let empty else { return [.missing(Self.subject, Measurement.missingServer)] }
            let again = try ServerProcess.with(folder) { server in
                sleep(3)
                return try server.residentBytes()
            }
            let count = Double(empty.count)
            let each = Double((again ?? 0) - empty.idle) / count / 1024
            let after = Double(empty.grown - empty.idle) / count / 1024
            measurements.append(
                Measurement(
                    subject: "\(Self.subject) \(count.grouped) executions that wait for \(kind.waits)",
                    figure: "\(each.digits(2)) KiB after a start",
                    beside: "\(after.digits(2)) KiB in the server that was asked for all of them",
                    floors: [.atMost(1, each, "<= 1 KiB")]))
        }
        return measurements
    }
}
