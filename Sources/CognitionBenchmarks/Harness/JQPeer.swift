import CognitionCore
import Foundation

/// The jq C library in a Python that has the package `jq`: one process, asked and answered line by line.
final class JQPeer {
    private let process = Process()
    private let questions = Pipe()
    private let answers = Pipe()
    private var rest = Data()
    /// Of the Python package.
    private(set) var version = ""

    /// The first line says the version; then each line asks `{expression, input, count}` and is answered with the
    /// seconds that one of about `count` evaluations took, and with what the last one printed.
    ///
    /// The C library parses, evaluates and, by `tojson`, prints. It is given many texts at once, so that what Python
    /// costs is not counted against it.
    private static let script = #"""
        import importlib.metadata, json, sys, time
        import jq
        print(json.dumps({"version": importlib.metadata.version("jq")}), flush=True)
        for line in sys.stdin:
            question = json.loads(line)
            program = jq.compile("(" + question["expression"] + ") | tojson")
            copies = max(1, min(question["count"], (1 << 18) // len(question["input"])))
            text, rounds = "\n".join([question["input"]] * copies), max(1, question["count"] // copies)
            start = time.perf_counter()
            for _ in range(rounds):
                outputs = program.input_text(text).all()
            seconds = (time.perf_counter() - start) / (rounds * copies)
            print(json.dumps({"seconds": seconds, "output": outputs[-1]}), flush=True)
        """#

    /// - Returns: `nil` when there is no Python with the package.
    init?() {
        let python = Self.pythons.first(where: FileManager.default.isExecutableFile) ?? "/usr/bin/python3"
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["-c", Self.script]
        process.standardInput = questions
        process.standardOutput = answers
        process.standardError = FileHandle.nullDevice
        do { try process.run() } catch { return nil }
        guard let version = answer()?["version"]?.stringValue else { return nil }
        self.version = version
    }

    /// The one that is named, else the one that the tests prepare.
    private static var pythons: [String] {
        [ProcessInfo.processInfo.environment["COGNITIONOS_PEER_PYTHON"] ?? "", ".build/peers/bin/python"]
    }

    /// - Returns: The seconds that one of `count` evaluations took, and the text of its output.
    func evaluate(_ expression: String, _ input: String, count: Int) throws -> (seconds: Double, output: String) {
        let question: JSONValue = [
            "expression": .string(expression), "input": .string(input), "count": .integer(Int64(count)),
        ]
        questions.fileHandleForWriting.write(Data((question.jsonText + "\n").utf8))
        guard let answer = answer(), let seconds = answer["seconds"]?.doubleValue,
            let output = answer["output"]?.stringValue
        else { throw BenchmarkFailure("the jq library has not answered \(expression)") }
        return (seconds, output)
    }

    func close() {
        try? questions.fileHandleForWriting.close()  // whatever it fails at, the process sees the end
        process.waitUntilExit()
    }

    private func answer() -> JSONValue? {
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(rest[..<end])
                rest = Data(rest[(end + 1)...])
                return try? JSONValue(parsing: line)  // what is no JSON is no answer
            }
            let more = answers.fileHandleForReading.availableData
            guard !more.isEmpty else { return nil }
            rest += more
        }
    }
}
