import CognitionCore
import CognitionSandbox
import CognitionWorkflows
import Foundation
import Testing

@Suite struct ProcessTaskTests {
    @Test("The standard's examples of scripts and shell commands give what they promise")
    func examples() async throws {
        let folder = try SharedData.folder("serverless-workflow/examples")
        let script = try SharedData.text(folder, "run-script-with-stdin-and-arguments.yaml")
        let shell = try SharedData.text(folder, "run-shell-stdin-and-arguments.yaml")
        try await ProcessHarness.run { harness in
            let first = try await harness.output(tasks(of: script))
            #expect(first == "stdin >  Hello Workflow\narg >  hello\nenv >  bar\n")
            let second = try await harness.output(tasks(of: shell))
            #expect(second == "STDIN was: Hello World\nARGS are Foo Bar\n")
        }
    }

    private func tasks(of document: String) -> String {
        document.split(separator: "\n").drop { $0 != "do:" }.dropFirst().map { $0.dropFirst(2) }.joined(separator: "\n")
    }

    @Test("A script takes its input from expressions, in every form that they may have")
    func script() async throws {
        try await ProcessHarness.run { harness in
            let output = try await harness.output(
                #"""
                - first:
                    run:
                      script:
                        language: python
                        stdin: ${ .order }
                        arguments: [plain, '${ .order.id }', '${ .order.lines }']
                        environment: {WHO: 'by ${ .who }', LEFT: '${ .nobody }'}
                        code: |
                          import json, os, sys
                          order = json.load(sys.stdin)
                          print(json.dumps([order["lines"], sys.argv[1:], os.environ["WHO"], "LEFT" in os.environ]))
                    output: {as: '${ fromjson }'}
                """#, input: ["who": "me", "order": ["id": 7, "lines": [1, 2]]])
            #expect(output == [[1, 2], ["plain", "7", "[1,2]"], "by me", false])
            let named = try await harness.output(
                #"""
                - first:
                    run: {script: {language: JavaScript, arguments: '${ {count: .n} }', code: "console.log(`${count + 1}`)"}}
                """#, input: ["n": 4])
            #expect(named == "5\n")
            let given = try await harness.output(
                "- a: {run: {script: {language: js, code: '${ .code }'}}}", input: ["code": "console.log(6 * 7)"])
            #expect(given == "42\n")
        }
    }

    @Test("'return' says what of the process is the output")
    func results() async throws {
        let code = #"import sys; print('out'); print('err', file=sys.stderr); sys.exit(%)"#
        func task(_ result: String, _ exit: Int) -> String {
            "- a: {run: {script: {language: python, code: \"\(code.replacing("%", with: "\(exit)"))\"}, return: \(result)}}"
        }
        try await ProcessHarness.run { harness in
            #expect(try await harness.output(task("stdout", 0)) == "out\n")
            #expect(try await harness.output(task("stderr", 0)) == "err\n")
            #expect(try await harness.output(task("none", 0)).isNull)
            #expect(try await harness.output(task("code", 3)) == 3)
            #expect(try await harness.output(task("all", 3)) == ["code": 3, "stdout": "out\n", "stderr": "err\n"])
            for result in ["stdout", "stderr", "none"] {
                let fault = try await harness.fault(task(result, 3))
                #expect(fault.type == WorkflowFault.Standard.runtime.type && fault.status == 500)
                #expect(fault.detail == "the process ended with code 3: err" && fault.instance == "/do/0/a")
            }
        }
    }

    @Test("A fault of a script can be caught, and its attempts repeated")
    func caught() async throws {
        try await ProcessHarness.run { harness in
            let output = try await harness.output(
                #"""
                - a:
                    try: [{b: {run: {script: {language: python, code: 'raise SystemExit("no paper")'}}}}]
                    catch:
                      retry: {delay: {milliseconds: 1}, limit: {attempt: {count: 2}}}
                      do: [{c: {set: '${ $error.detail }'}}]
                """#)
            #expect(output == "the process ended with code 1: no paper")
        }
    }

    @Test("A task that times out, and an execution that is cancelled, end the whole process tree")
    func stopped() async throws {
        let mark = "mark-\(UUID().uuidString)"
        try await ProcessHarness.run { harness in
            let command = "(setsid sh -c 'sleep 51 # \(mark)' &) ; sleep 52 & wait"
            let fault = try await harness.fault(
                "- a: {run: {shell: {command: \"\(command)\"}}, timeout: {after: {milliseconds: 700}}}")
            #expect(fault.type == WorkflowFault.Standard.timeout.type)
            #expect(try await becomesTrue { !isRunning(mark) })

            let id = try await harness.start("- a: {run: {shell: {command: \"\(command)\"}}}")
            #expect(try await becomesTrue { isRunning(mark) })
            try await harness.cancel(id)
            #expect(try await harness.end(of: id).status == .cancelled)
            #expect(try await becomesTrue { !isRunning(mark) })
        }
    }

    @Test("Limits of the sandbox are faults of type runtime, its time one of type timeout")
    func limits() async throws {
        var settings = SandboxSettings()
        settings.outputBytesMax = 100_000
        settings.timeout = .seconds(1)
        try await ProcessHarness.run(sandbox: settings) { harness in
            let output = try await harness.fault("- a: {run: {shell: {command: 'yes'}}}")
            #expect(
                output.type == WorkflowFault.Standard.runtime.type && output.detail?.contains("100000 bytes") == true)
            let time = try await harness.fault("- a: {run: {shell: {command: sleep 60}}}")
            #expect(time.type == WorkflowFault.Standard.timeout.type)
        }
    }

    @Test("A process that is not waited for gives the task's input, and runs on")
    func background() async throws {
        let mark = "mark-\(UUID().uuidString)"
        try await ProcessHarness.run { harness in
            let output = try await harness.output(
                "- a: {run: {shell: {command: 'sleep 50 # \(mark)'}, await: false}}", input: ["n": 1])
            #expect(output == ["n": 1] && isRunning(mark))
        }
        #expect(try await becomesTrue { !isRunning(mark) })
    }

    @Test("A script may be fetched, from a server that wants to know who asks")
    func fetched() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "scripts-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("import sys\nprint('fetched', sys.argv[1])".utf8).write(to: folder.appending(path: "a.py"))
        try Data([0xFF, 0xFE]).write(to: folder.appending(path: "b.py"))
        try await PythonPeer.run(["-m", "http.server", "--bind", "127.0.0.1", "--directory", folder.path, "0"]) {
            peer in
            try await ProcessHarness.run { harness in
                func task(_ name: String) -> String {
                    "- a: {run: {script: {language: python, arguments: [x], source: {endpoint: 'http://127.0.0.1:\(peer.port)/\(name)'}}}}"
                }
                #expect(try await harness.output(task("a.py")) == "fetched x\n")
                let missing = try await harness.fault(task("c.py"))
                #expect(missing.type == WorkflowFault.Standard.communication.type && missing.status == 404)
                #expect(try await harness.fault(task("b.py")).detail?.contains("no UTF-8") == true)
            }
        }
    }

    @Test("What an installation does not allow is a fault of the document, and later of the task")
    func notAllowed() async throws {
        func faults(_ body: String, _ rules: ProcessRules = ProcessRules()) throws -> [String] {
            do throws(DefinitionError) {
                _ = try WorkflowDefinition(
                    reading: document(body), format: .yaml, context: DefinitionContext(processes: rules))
                return []
            } catch {
                return error.faults.map(\.message)
            }
        }
        let shell = "do: [{a: {run: {shell: {command: ls}}}}]"
        let network = "do: [{a: {run: {script: {language: js, code: ''}}, metadata: {network: true}}}]"
        let server = "do: [{a: {call: mcp, with: {method: tools/list, transport: {stdio: {command: x}}}}}]"
        #expect(try faults(shell).first?.contains("WORKFLOWS_ALLOW_SHELL") == true)
        #expect(try faults(server).first?.contains("WORKFLOWS_ALLOW_SHELL") == true)
        #expect(try faults(network).first?.contains("SANDBOX_ALLOW_NETWORK") == true)
        let all = ProcessRules(allowsShell: true, allowsNetwork: true)
        for body in [shell, network, server] { #expect(try faults(body, all).isEmpty) }

        // A definition that was stored while it was allowed.
        try await ProcessHarness.run(rules: ProcessRules()) { harness in
            for body in [shell, network, server] {
                let fault = try await harness.faultOfStored(body, allowedBy: all)
                #expect(fault.type == WorkflowFault.Standard.configuration.type)
                #expect(fault.detail?.contains("_ALLOW_") == true, "\(fault)")
            }
        }
        try await ProcessHarness.run(rules: all, sandbox: nil) { harness in
            let fault = try await harness.fault("- a: {run: {script: {language: js, code: ''}}}")
            #expect(fault.type == WorkflowFault.Standard.configuration.type)
        }
        var settings = SandboxSettings()
        settings.bubblewrap = "/usr/bin/no-such-bwrap"
        try await ProcessHarness.run(sandbox: settings) { harness in
            let fault = try await harness.fault("- a: {run: {script: {language: js, code: ''}}}")
            #expect(fault.type == WorkflowFault.Standard.configuration.type)
            #expect(fault.detail?.contains("bubblewrap") == true, "\(fault)")
        }
    }

    @Test(
        "Faults of a document are named where they are",
        arguments: [
            ("{script: {language: ruby, code: x}}", "/do/0/a/run/script/language", "python, javascript or js"),
            ("{script: {language: js}}", "/do/0/a/run/script", "exactly one of 'code' and 'source'"),
            (
                "{script: {language: js, code: x, source: {endpoint: 'http://x'}}}", "/do/0/a/run/script",
                "exactly one of 'code' and 'source'"
            ),
            ("{script: {code: x}}", "/do/0/a/run/script", "needs 'language'"),
            ("{script: {language: js, code: x, arguments: 3}}", "/do/0/a/run/script/arguments", "a list, an object"),
            ("{script: {language: js, code: x, environment: [a]}}", "/do/0/a/run/script/environment", "an object"),
            ("{script: {language: js, code: x, stdin: 3}}", "/do/0/a/run/script/stdin", "a string"),
            ("{script: {language: js, code: x, command: y}}", "/do/0/a/run/script/command", "command"),
            ("{script: {language: js, code: x}, return: out}", "/do/0/a/run/return", "stdout"),
            ("{script: {language: js, source: {endpoint: 'file:///x'}}}", "/do/0/a/run/script/source/endpoint", "http"),
            ("{shell: {command: 'echo ${ . | }'}}", "/do/0/a/run/shell/command", "invalid expression"),
        ])
    func definitionFaults(_ run: String, _ pointer: String, _ says: String) throws {
        let context = DefinitionContext(processes: ProcessRules(allowsShell: true))
        do throws(DefinitionError) {
            _ = try WorkflowDefinition(reading: document("do: [{a: {run: \(run)}}]"), format: .yaml, context: context)
            Issue.record("accepted: \(run)")
        } catch {
            #expect(error.faults.count == 1 && error.faults[0].pointer == pointer, "\(error.faults)")
            #expect(error.faults[0].message.contains(says), "\(error.faults)")
        }
    }
}
