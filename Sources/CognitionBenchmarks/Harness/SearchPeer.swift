import CognitionCore
import Foundation

/// tantivy and SQLite's FTS5 in one Python process, asked and answered line by line: `Scripts/bench_search_peer.py`.
final class SearchPeer {
    private static let script = "Scripts/bench_search_peer.py"
    /// What `Scripts/install-dependencies bench` prepares.
    static let corpus = ".build/bench-corpus"

    struct Indexed {
        let seconds: Double
        let bytes: Int
    }

    private let process = Process()
    private let questions = Pipe()
    private let answers = Pipe()
    private var rest = Data()
    private(set) var indexed: [String: Indexed] = [:]

    /// Indexes the corpus with both. `nil`, with a word about it, without the Python that is prepared for it.
    init?(folder: String) {
        guard let python = FastAPIPeer.python else {
            Terminal.progress("the peers of search are not installed, and are not measured")
            return nil
        }
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [Self.script, "serve", Self.corpus, folder]
        process.standardInput = questions
        process.standardOutput = answers
        process.standardError = FileHandle.nullDevice
        do { try process.run() } catch { return nil }
        guard let first = answer()?.objectValue else {
            Terminal.progress("the peers of search do not answer, and are not measured")
            return nil
        }
        for (name, figures) in first {
            guard let seconds = figures["indexing"]?.doubleValue, let bytes = figures["bytes"]?.integerValue else {
                continue
            }
            indexed[name] = Indexed(seconds: seconds, bytes: Int(bytes))
        }
    }

    /// Seconds of each of the first `count` queries of a kind.
    func times(_ engine: String, _ kind: String, count: Int) throws -> [Double] {
        let question: JSONValue = [
            "engine": .string(engine), "kind": .string(kind), "count": .integer(Int64(count)),
        ]
        questions.fileHandleForWriting.write(Data((question.jsonText + "\n").utf8))
        guard let times = answer()?.arrayValue?.compactMap(\.doubleValue), times.count == count else {
            throw BenchmarkFailure("\(engine) has not answered the queries of \(kind)")
        }
        return times
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
