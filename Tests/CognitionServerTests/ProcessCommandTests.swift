import CognitionCore
import Foundation
import Testing

@Suite("Processes of workflows", .timeLimit(.minutes(3))) struct ProcessCommandTests {
    private static func workflow(_ command: String) -> String {
        """
        document: {dsl: 1.0.3, namespace: tests, name: processes, version: 0.1.0}
        do:
          - a: {run: {shell: {command: "\(command)"}}}
        """
    }

    @Test("When the program is killed, whatever it runs ends with it, and the next start runs it again")
    func killed() async throws {
        let mark = "mark-\(UUID().uuidString)"
        try await withSandbox { sandbox in
            let text = Self.workflow("(setsid sleep 601 &) ; sleep 602 & trap '' TERM; wait # \(mark)")
            _ = try sandbox.file("workflow.yaml", text)
            for turn in 0..<8 {
                let program = try sandbox.start(
                    "workflow", "run", "workflow.yaml", environment: ["WORKFLOWS_ALLOW_SHELL": "true"])
                try #require(try await becomesTrue { isRunning(mark, beginningWith: "") }, "\(turn)")
                // From its first moment, in which the sandbox is being made, on.
                try await Task.sleep(for: .milliseconds([0, 1, 2, 4, 8, 16, 50, 200][turn]))
                program.kill()
                _ = await program.ending()
                #expect(try await becomesTrue { !isRunning(mark, beginningWith: "/bin/sh\0") }, "\(turn)")
            }
            // The next owner of the folder ends what was left half made.
            #expect(try await sandbox.run("workflow", "run", sandbox.file("other.yaml", Self.empty)).exitCode == 0)
            #expect(try await becomesTrue { !isRunning(mark, beginningWith: "") })
        }
    }

    @Test("The installation's word counts: shell commands are refused until it allows them")
    func allowed() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("workflow.yaml", Self.workflow("echo hello"))
            for command in ["validate", "run"] {
                let refused = try await sandbox.run("workflow", command, "workflow.yaml")
                #expect(refused.exitCode == 1 && refused.errors.contains("WORKFLOWS_ALLOW_SHELL"), "\(refused)")
                let taken = try await sandbox.run(
                    "workflow", command, "workflow.yaml", environment: ["WORKFLOWS_ALLOW_SHELL": "true"])
                #expect(taken.exitCode == 0, "\(taken)")
                if command == "run" { #expect(taken.output == "hello\n\n" || taken.output == "hello\n", "\(taken)") }
            }
            let wrong = try await sandbox.run("check", environment: ["SANDBOX_FOLDERS": "/usr/lib,/"])
            #expect(wrong.exitCode == 1 && wrong.errors.contains("SANDBOX_FOLDERS"), "\(wrong)")
        }
    }

    private static let empty =
        "document: {dsl: 1.0.3, namespace: tests, name: other, version: 0.1.0}\ndo: [{a: {set: {n: 1}}}]"

    private func isRunning(_ text: String, beginningWith start: String) -> Bool {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return numbers.contains { number in
            Int(number) != nil && Int(number) != Int(getpid())
                && FileManager.default.contents(atPath: "/proc/\(number)/cmdline")
                    .map { String(decoding: $0, as: UTF8.self) }
                    .map { $0.hasPrefix(start) && $0.contains(text) } ?? false
        }
    }

    private func becomesTrue(_ condition: () -> Bool) async throws -> Bool {
        for _ in 0..<2_000 {
            if condition() { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }
}
