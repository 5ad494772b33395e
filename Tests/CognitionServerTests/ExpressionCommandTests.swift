import CognitionCore
import Testing

@Suite("expression eval", .timeLimit(.minutes(2))) struct ExpressionCommandTests {
    @Test("The input comes from the option, a file, standard input, or is null")
    func input() async throws {
        try await withSandbox { sandbox in
            _ = try sandbox.file("input.json", #"{"a": 3}"#)
            #expect(try await sandbox.run("expression", "eval", ".a + 1", "--input", #"{"a": 1}"#).output == "2\n")
            #expect(try await sandbox.run("expression", "eval", ".a + 1", "--input", "@input.json").output == "4\n")
            #expect(try await sandbox.run("expression", "eval", ".a + 1", input: #"{"a": 4}"#).output == "5\n")
            #expect(try await sandbox.run("expression", "eval", ".").output == "null\n")
            #expect(try await sandbox.run("expression", "eval", ".", input: " \n").output == "null\n")
        }
    }

    @Test("Variables, several results and raw strings")
    func variables() async throws {
        try await withSandbox { sandbox in
            let ending = try await sandbox.run(
                "expression", "eval", "$a, $name, empty, $list[]", "--arg", "a=1", "--arg", "name=Ada", "--arg",
                "list=[2,3]")
            #expect(ending.exitCode == 0 && ending.output == "1\n\"Ada\"\n2\n3\n", "\(ending)")
            #expect(try await sandbox.run("expression", "eval", "$s", "--arg", "s=a b", "--raw").output == "a b\n")
        }
    }

    @Test(
        "What is wrong is said in a sentence, with exit code 1",
        arguments: [
            (["."], "{", "line 1"), ([".a +"], "null", "expression."), (["$nobody"], "null", "nobody"),
            ([".a"], "[1]", "expression."), ([".", "--input", "@missing.json"], "", "missing.json cannot be read"),
            ([".", "--arg", "novalue"], "", "NAME=VALUE"), (["error(\"x\")"], "null", "x"),
        ])
    func faults(_ arguments: [String], _ input: String, _ word: String) async throws {
        try await withSandbox { sandbox in
            let ending = try await sandbox.start(["expression", "eval"] + arguments, input: input).ending()
            #expect(ending.exitCode == 1 && ending.output.isEmpty && ending.errors.contains(word), "\(ending)")
        }
    }

    @Test(
        "An expression without an end comes to one, with an error",
        arguments: [
            "def f: f; f", "[range(1e9)]", "[limit(1e9; repeat(1))]", "def f: 1 + f; f",
            "reduce repeat(1) as $x (0; . + $x)",
            "[recurse(.)] | length", "last(repeat(1))", #""x" * 1e9"#, "[.[]?, repeat([.])] | tojson",
        ])
    func endless(_ expression: String) async throws {
        try await withSandbox { sandbox in
            let ending = try await sandbox.run("expression", "eval", expression, memoryBytesMax: 1 << 30)
            #expect(ending.exitCode == 1 && ending.errors.contains("[expression."), "\(ending)")
            #expect(ending.took < .seconds(20), "\(ending.took)")
        }
    }

    @Test("--batch answers a line without an end with an error, and the next one as ever")
    func endlessLine() async throws {
        try await withSandbox { sandbox in
            try sandbox.emptyFile("endless", bytes: 64 << 20)
            _ = try sandbox.file("last", "\n{\"expression\": \"1\"}")
            let ending = try await sandbox.start(
                ["-c", "cat endless last | \"$0\" expression eval --batch", try Binary.path()], executable: "/bin/bash",
                memoryBytesMax: 256 << 20
            ).ending()
            let answers = try ending.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
            try #require(ending.exitCode == 0 && answers.count == 2, "\(ending)")
            #expect(answers[0]["error"]?["message"]?.stringValue?.contains("32 MiB") == true)
            #expect(answers[1] == ["results": [1]])
        }
    }

    @Test("--batch with an expression takes every line as an input of it")
    func batchOfInputs() async throws {
        try await withSandbox { sandbox in
            let ending = try await sandbox.run(
                "expression", "eval", ".n + $more", "--batch", "--arg", "more=1",
                input: "{\"n\": 1}\n{\"n\": 2}\nnot JSON\n{\"n\": [3]}\n")
            let answers = try ending.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
            try #require(ending.exitCode == 0 && answers.count == 4, "\(ending)")
            #expect(answers.prefix(2) == [["results": [2]], ["results": [3]]])
            #expect(
                answers[2]["error"]?["code"] == "json.invalid" && answers[3]["error"]?["code"] == "expression.failed")
        }
    }

    @Test("--batch answers every line, whatever is on it")
    func batch() async throws {
        try await withSandbox { sandbox in
            let ending = try await sandbox.run(
                "expression", "eval", "--batch",
                input: """
                    {"expression": ".a", "input": {"a": 1}}
                    not JSON
                    {"expression": ".a +", "input": null}

                    {"input": 1}
                    {"expression": "def f: f; f"}
                    {"expression": "$x, .", "input": 2, "variables": {"x": 1}}
                    [1]
                    """)
            #expect(ending.exitCode == 0 && ending.errors.isEmpty, "\(ending)")
            let answers = try ending.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
            try #require(answers.count == 8, "\(ending.output)")
            #expect(answers[0] == ["results": [1]] && answers[6] == ["results": [1, 2]])
            for index in [1, 2, 3, 4, 5, 7] {
                #expect(answers[index]["error"]?["code"]?.stringValue?.isEmpty == false, "\(answers[index])")
                #expect(answers[index]["error"]?["message"]?.stringValue?.isEmpty == false)
            }
        }
    }
}
