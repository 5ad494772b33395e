import CognitionCore
import Foundation
import Synchronization
import Testing

/// A disk that fills up while a workflow runs.
@Suite("Full disk", .timeLimit(.minutes(2)), .enabled(if: Sandbox.isEmbedded)) struct FullDiskTests {
    private static let steps = 24

    /// Each step's result is large, and unlike the others, so that each takes its place on the disk.
    private static func workflow(_ base: String) -> String {
        """
        document: {dsl: 1.0.3, namespace: tests, name: filling, version: 0.1.0}
        do:
          - fill:
              for: {each: step, in: '${ [range(\(steps))] }'}
              metadata: {concurrency: 1}
              do:
                - page:
                    call: http
                    with: {method: post, endpoint: '${ "\(base)/page/\\($step)" }', body: {step: '${ $step }'}}
                    output: {as: '${ {step: .step, length: (.text | length), text} }'}
        output: {as: '${ map({step, length}) }'}
        """
    }

    private static let bytesPerStep = 200_000

    /// Small file systems in memory, which only root may make.
    private static func canMount() async throws -> Bool {
        guard geteuid() == 0 else { return false }
        return try await withSandbox { sandbox in
            let folder = sandbox.folder + "/disk"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            guard try await mount(folder, on: sandbox) else { return false }
            return try await unmount(folder, on: sandbox)
        }
    }

    private static func mount(_ folder: String, on sandbox: Sandbox) async throws -> Bool {
        let arguments = ["-c", "mount -t tmpfs -o size=16m tmpfs \"$0\"", folder]
        return try await sandbox.start(arguments, executable: "/bin/sh").ending().exitCode == 0
    }

    private static func unmount(_ folder: String, on sandbox: Sandbox) async throws -> Bool {
        try await sandbox.start(["-c", "umount \"$0\"", folder], executable: "/bin/sh").ending().exitCode == 0
    }

    @Test(
        "What was stored stays, nothing is damaged, and with space again the same command completes",
        .enabled("a small file system can be mounted (as root)") { try await canMount() }, arguments: [false, true])
    func fills(staysAlive: Bool) async throws {
        let keys = Mutex<[String: Set<String>]>([:])
        try await withPeer { connection in
            while let request = try await connection.request() {
                let key = request.headers["idempotency-key"] ?? "none"
                keys.withLock { _ = $0[request.path, default: []].insert(key) }
                let step = request.path.split(separator: "/").last ?? ""
                let text = String(repeating: "page \(step) ", count: Self.bytesPerStep / 8)
                try await connection.answer(json: "{\"step\": \(step), \"text\": \"\(text)\"}")
            }
        } _: { peer in
            try await withSandbox { sandbox in
                let disk = sandbox.folder + "/disk"
                try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
                try #require(await Self.mount(disk, on: sandbox))
                do {
                    try await fill(disk, on: sandbox, peer: peer, staysAlive: staysAlive)
                } catch {
                    Issue.record(error)
                }
                #expect(try await Self.unmount(disk, on: sandbox))
            }
        }
        for (path, keys) in keys.withLock({ $0 }) { #expect(keys.count == 1, "\(path) was called with \(keys)") }
    }

    @Test(
        "Where nothing is free at the start, that is said",
        .enabled("a small file system can be mounted (as root)") { try await canMount() })
    func startsOnAFullDisk() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("filling.yaml", Self.workflow("http://127.0.0.1:1"))
            let disk = sandbox.folder + "/disk"
            try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
            try #require(await Self.mount(disk, on: sandbox))
            let filled = try await sandbox.start(
                ["-c", "mkdir \"$0/data\"; cat /dev/zero > \"$0/ballast\"", disk], executable: "/bin/sh"
            ).ending()
            #expect(filled.errors.contains("No space left"))
            let ending = try await sandbox.run("workflow", "run", "filling.yaml", "--json", data: disk + "/data")
            #expect(
                ending.exitCode == 1 && ending.output.isEmpty && ending.errors.contains("[storage.full]"), "\(ending)")
            #expect(try await Self.unmount(disk, on: sandbox))
        }
    }

    private func fill(_ disk: String, on sandbox: Sandbox, peer: Peer, staysAlive: Bool) async throws {
        _ = try sandbox.file("filling.yaml", Self.workflow(peer.base))
        let data = disk + "/data"
        let ballast = disk + "/ballast"
        try Data(count: 12 << 20).write(to: URL(fileURLWithPath: ballast))
        let program = try sandbox.start("workflow", "run", "filling.yaml", "--json", data: data)
        _ = try await program.errors.line { $0.contains("storage.full") || $0.contains("disk is full") }
        if !staysAlive {
            program.kill()
            #expect(await program.ending().signal == 9)
            // Nothing is free, and even so it can be read.
            let list = try await sandbox.json("execution", "list", "--json", data: data)
            #expect(list["items"]?.arrayValue?.count == 1)
        }
        try FileManager.default.removeItem(atPath: ballast)
        let second = staysAlive ? program : try sandbox.start("workflow", "run", "filling.yaml", "--json", data: data)
        let ending = await second.ending()
        #expect(ending.exitCode == 0, "\(ending.errors.prefix(2_000))")
        let execution = try JSONValue(parsing: ending.output)
        let output = (0..<Self.steps).map { step -> JSONValue in
            let length = "page \(step) ".count * (Self.bytesPerStep / 8)
            return ["step": .integer(Int64(step)), "length": .integer(Int64(length))]
        }
        #expect(execution["status"] == "completed" && execution["output"] == .array(output))
        #expect(execution["tasks"]?.arrayValue?.allSatisfy { $0["status"] == "completed" } == true)
        let verified = try await sandbox.run("events", "verify", data: data)
        #expect(verified.exitCode == 0, "\(verified)")
        let list = try await sandbox.json("execution", "list", "--json", data: data)
        #expect(list["items"]?.arrayValue?.count == 1)
    }
}
