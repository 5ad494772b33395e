import CognitionCore
import CognitionSandbox
import Foundation
import Testing

/// Programs that take more than they may.
@Suite struct SandboxLimitTests {
    @Test("A fork bomb stays within the number of processes, and is gone with its program")
    func forkBomb() async throws {
        let mark = "mark\(UInt32.random(in: 0 ... .max))"
        let limited = sandbox { $0.processesMax = 32 }
        let result = try await limited.run(
            .shell("\(mark)() { \(mark) | \(mark) & }; \(mark); sleep 0.5; ls /proc | grep -c '^[0-9]'"))
        #expect(try await areGone(mark))
        // The shell may not even be able to count.
        let count = result.text.split(separator: "\n").last.flatMap { Int($0) } ?? 0
        #expect(count <= 33, "\(result.text)")
        let python = try await limited.run(
            .python(
                "import os, sys", "made = 0", "try:", "    while True:",
                "        if os.fork() == 0:", "            import time; time.sleep(60)", "        made += 1",
                "except BlockingIOError: print(made)"))
        #expect(python.text.split(separator: "\n").first.flatMap { Int($0) }.map { (10...31).contains($0) } == true)
    }

    @Test("One process cannot take more memory than there is")
    func memory() async throws {
        let limited = sandbox { $0.memoryBytesMax = 128 << 20 }
        let python = try await limited.run(.python("x = bytearray(200 << 20)"))
        #expect(python.code == 1 && python.errorText.contains("MemoryError"), "\(python.errorText)")
        let node = SandboxProgram(.javaScript(code: "let a = []; for (;;) a.push('x'.repeat(1000) + a.length)"))
        #expect(try await limited.run(node).code > 0)
    }

    @Test(
        "Nor can many together, nor by sharing it",
        arguments: [
            [
                "import os, time", "for _ in range(8):", "    if os.fork() == 0:",
                "        x = bytearray(os.urandom(1 << 20) * 40); time.sleep(60)", "time.sleep(60)",
            ],
            [
                "import mmap, time", "m = mmap.mmap(-1, 400 << 20)", "for i in range(0, 400 << 20, 4096): m[i] = 1",
                "time.sleep(60)",
            ],
        ])
    func sharedMemory(_ lines: [String]) async throws {
        let limited = sandbox { $0.memoryBytesMax = 128 << 20 }
        let program = SandboxProgram(.python(code: lines.joined(separator: "\n")))
        #expect(await failure { _ = try await limited.run(program) } == SandboxError.limitExceeded)
    }

    @Test("Endless output is cut off, on either stream", arguments: ["yes", "yes >&2"])
    func output(_ command: String) async throws {
        let limited = sandbox { $0.outputBytesMax = 1 << 20 }
        #expect(await failure { _ = try await limited.run(.shell(command)) } == SandboxError.limitExceeded)
        // Without an end of line, too, where somebody listens line by line.
        let listened = await failure {
            try await limited.converse(with: .shell("head -c 10000000 /dev/zero")) { dialogue in
                for try await _ in dialogue.lines {}
            }
        }
        #expect(listened == SandboxError.limitExceeded)
    }

    @Test("Processor time counts over all processes, those that have ended too")
    func processorTime() async throws {
        let limited = sandbox { $0.processorTime = .seconds(1) }
        let spin = "while :; do :; done"
        #expect(await failure { _ = try await limited.run(.shell(spin)) } == SandboxError.limitExceeded)
        let many = "while :; do timeout 0.2 sh -c '\(spin)'; done"
        #expect(await failure { _ = try await limited.run(.shell(many)) } == SandboxError.limitExceeded)
    }

    @Test("A program that does not end is ended, with everything that it has started")
    func timeout() async throws {
        let mark = "mark-\(UUID().uuidString)"
        let limited = sandbox { $0.timeout = .milliseconds(500) }
        let program = SandboxProgram(
            .shell("trap '' TERM HUP INT; (setsid sh -c 'sleep 61 #\(mark)' &) ; sleep 62 & wait # \(mark)"))
        let begin = ContinuousClock.now
        #expect(await failure { _ = try await limited.run(program) } == SandboxError.timeout)
        #expect(ContinuousClock.now - begin < .seconds(5))
        #expect(try await areGone(mark))
        var shorter = SandboxProgram.shell("sleep 60")
        shorter.timeout = .milliseconds(300)
        #expect(await failure { _ = try await sandbox().run(shorter) } == SandboxError.timeout)
    }

    @Test("Cancellation ends the whole tree at once, whenever it comes, and leaves nothing to be reaped")
    func cancellation() async throws {
        let mark = "mark-\(UUID().uuidString)"
        let sandbox = sandbox { $0.concurrency = 8 }
        for delay in [0, 1, 2, 3, 5, 8, 13, 40, 120] {
            let run = Task {
                try await sandbox.run(.shell("(setsid sleep 61 &); trap '' TERM; sleep 62 & wait # \(mark)"))
            }
            try await Task.sleep(for: .milliseconds(delay))
            let begin = ContinuousClock.now
            run.cancel()
            await #expect(throws: CancellationError.self) { _ = try await run.value }
            #expect(ContinuousClock.now - begin < .seconds(1), "after \(delay) ms")
        }
        #expect(try await areGone(mark))
        #expect(zombies().isEmpty)
    }

    @Test("What a program leaves running ends with it")
    func leftBehind() async throws {
        let mark = "mark-\(UUID().uuidString)"
        let begin = ContinuousClock.now
        let result = try await sandbox().run(.shell("(setsid sh -c 'sleep 61 #\(mark)' &) ; echo done"))
        #expect(result.text == "done\n")
        #expect(ContinuousClock.now - begin < .seconds(5))
        #expect(try await areGone(mark))
    }
}
