import CognitionCore
import CognitionSandbox
import Foundation
import Testing

/// What programs get, and what comes back.
@Suite struct SandboxProgramTests {
    @Test("A Python script gets its input, its arguments and its environment, and no other")
    func python() async throws {
        var program = SandboxProgram.python(
            "import json, os, sys",
            "print(json.dumps({'input': sys.stdin.read(), 'arguments': sys.argv[1:], 'environment': dict(os.environ)}))",
            "print('a word', file=sys.stderr)", "sys.exit(3)")
        program.arguments = ["eins", "zwei und drei", "$HOME"]
        program.environment = [("COLOUR", "blau"), ("EMPTY", "")]
        program.input = Array("Grüße\n".utf8)
        let result = try await sandbox().run(program)
        #expect(result.code == 3 && result.errorText == "a word\n")
        let seen = try JSONValue(parsing: result.output)
        #expect(seen["input"] == "Grüße\n")
        #expect(seen["arguments"] == ["eins", "zwei und drei", "$HOME"])
        var environment: [String: JSONValue] = [:]
        for (name, value) in try #require(seen["environment"]?.objectValue) { environment[name] = value }
        // The shell's own, which starts every program.
        for name in ["PWD", "OLDPWD", "SHLVL", "_"] { environment[name] = nil }
        #expect(
            environment == [
                "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8",
                "COLOUR": "blau", "EMPTY": "",
            ])
    }

    @Test(
        "JavaScript is a module when it imports or exports, else it may require",
        arguments: [
            "import { readFileSync } from 'node:fs';\nconst [_, __, word] = process.argv;\n"
                + "console.log(word + readFileSync(process.stdin.fd, 'utf8') + (await 1))",
            "const { readFileSync } = require('node:fs'); const [_, __, word] = process.argv;\n"
                + "console.log(word + readFileSync(0, 'utf8') + 1)",
        ])
    func javaScript(_ code: String) async throws {
        let program = SandboxProgram(.javaScript(code: code), arguments: ["hallo"], input: Array("!".utf8))
        let result = try await sandbox().run(program)
        #expect(result.code == 0 && result.text == "hallo!1\n", "\(result.errorText)")
    }

    @Test("Named arguments are global variables of a script")
    func globals() async throws {
        let globals: JSONObject = ["count": 3, "name": "ä"]
        for kind in [
            SandboxProgram.Kind.python(code: "print(name * count)"),
            .javaScript(code: "console.log(name.repeat(count))"),
            .javaScript(code: "export {}\nconsole.log(name.repeat(count))"),
        ] {
            let result = try await sandbox().run(SandboxProgram(kind, globals: globals))
            #expect(result.code == 0 && result.text == "äää\n", "\(result.errorText)")
        }
    }

    @Test("A shell command and a program get their arguments")
    func commands() async throws {
        let shell = SandboxProgram(.shell("echo \"$2 $1\"; exit 7"), arguments: ["a", "b"])
        let first = try await sandbox().run(shell)
        #expect(first.code == 7 && first.text == "b a\n")
        let second = try await sandbox().run(SandboxProgram(.command("printf"), arguments: ["%s-", "x", "y z"]))
        #expect(second.code == 0 && second.text == "x-y z-")
        let missing = try await sandbox().run(SandboxProgram(.command("no-such-program")))
        #expect(missing.code == 127 && missing.errorText.contains("no-such-program"))
    }

    @Test("A program that a signal ends has 128 and the signal's number")
    func signals() async throws {
        #expect(try await sandbox().run(.shell("kill -TERM $$")).code == 143)
    }

    @Test("Large inputs and outputs pass, while the program reads and writes at once")
    func large() async throws {
        var program = SandboxProgram.shell("cat")
        program.input = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0) }
        let result = try await sandbox().run(program)
        #expect(result.code == 0 && result.output == program.input)
        var deaf = SandboxProgram.shell("exec 0<&-; echo done")
        deaf.input = program.input
        #expect(try await sandbox().run(deaf).text == "done\n")
    }

    @Test("What cannot be handed over is refused before anything runs")
    func invalid() async throws {
        var program = SandboxProgram.shell("true")
        for (name, value) in [("A=B", "x"), ("", "x"), ("1A", "x"), ("Ä", "x"), ("A", "x\0y")] {
            program.environment = [(name, value)]
            #expect(await failure { _ = try await sandbox().run(program) } == SandboxError.programInvalid)
        }
        program.environment = []
        program.arguments = [String(repeating: "x", count: 200_000)]
        #expect(await failure { _ = try await sandbox().run(program) } == SandboxError.programInvalid)
    }

    @Test("Without bubblewrap the error says what is missing")
    func unavailable() async throws {
        let nothing = sandbox { $0.bubblewrap = "/usr/bin/no-such-bwrap" }
        #expect(await failure { _ = try await nothing.run(.shell("true")) } == SandboxError.unavailable)
        // Something that is no sandbox, and gives up as bubblewrap does where namespaces are forbidden.
        let broken = sandbox { $0.bubblewrap = "/bin/false" }
        #expect(await failure { try await broken.probe() } == SandboxError.unavailable)
        try await sandbox().probe()
    }

    @Test("A dialogue goes line by line, and ends the program with it")
    func dialogue() async throws {
        let mark = "mark-\(UUID().uuidString)"
        let program = SandboxProgram(
            .python(code: "import sys\nfor line in sys.stdin: print(line.strip()[::-1], flush=True)"),
            arguments: [mark])
        let answers = try await sandbox().converse(with: program) { dialogue in
            var lines = dialogue.lines.makeAsyncIterator()
            var answers: [String] = []
            for word in ["abc", "Lager"] {
                dialogue.send(Array(word.utf8))
                answers.append(String(decoding: try await lines.next() ?? [], as: UTF8.self))
            }
            return answers
        }
        #expect(answers == ["cba", "regaL"])
        #expect(try await areGone(mark))
        let text = try await sandbox().converse(with: .shell("echo no >&2; exit 1")) { dialogue in
            for try await _ in dialogue.lines {}
            return dialogue.errors()
        }
        #expect(text == "no\n")
    }

    @Test("Programs wait for their turn, and leave the line when they are cancelled")
    func turns() async throws {
        let one = sandbox {
            $0.concurrency = 1
            $0.waitingMax = 1
        }
        let mark = "mark-\(UUID().uuidString)"
        let running = Task {
            try await one.run(SandboxProgram(.command("sleep"), arguments: ["30"], environment: [("M", mark)]))
        }
        while processes(with: "sleep\0" + "30").isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        // One may wait: of two who come, whichever is later is refused.
        try await withThrowingTaskGroup { group in
            for _ in 0..<2 { group.addTask { _ = try await one.run(.shell("true")) } }
            #expect(await failure { try await group.next() } == SandboxError.overloaded)
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
        let next = Task { try await one.run(.shell("echo next")) }
        running.cancel()
        await #expect(throws: CancellationError.self) { _ = try await running.value }
        #expect(try await next.value.text == "next\n")
    }

    @Test("A program that nobody waits for runs on, and ends with the sandbox")
    func background() async throws {
        let mark = "mark-\(UUID().uuidString)"
        let sandbox = sandbox()
        try await sandbox.start(SandboxProgram(.shell("sleep 60 #" + mark)))
        #expect(!processes(with: mark).isEmpty)
        await sandbox.close()
        #expect(try await areGone(mark))
        #expect(await failure { try await sandbox.start(.shell("true")) } == SandboxError.overloaded)
        let broken = CognitionSandboxTests.sandbox { $0.bubblewrap = "/bin/false" }
        #expect(await failure { try await broken.start(.shell("true")) } == SandboxError.unavailable)
    }
}
