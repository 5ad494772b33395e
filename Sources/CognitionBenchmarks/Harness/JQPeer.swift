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

    /// The first line says the version; then each line asks `{expression, input, count}` and is answered with the seconds
    /// that `count` evaluations took, and with what the last one printed.
    private static let script = """
        import importlib.metadata, json, sys, time
        import jq
        print(json.dumps({"version": importlib.metadata.version("jq")}), flush=True)
        for line in sys.stdin:
            question = json.loads(line)
            program, text, count = jq.compile(question["expression"]), question["input"], question["count"]
            start = time.perf_counter()
            for _ in range(count):
                output = program.input_text(text).text()
            print(json.dumps({"seconds": time.perf_counter() - start, "output": output}), flush=True)
        """

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
        [ProcessInfo.processInfo.environment["COGNITIONOS_JQ_PYTHON"] ?? "", ".build/peers/bin/python"]
    }

    /// - Returns: The seconds that `count` evaluations took, and the text of the outputs.
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
