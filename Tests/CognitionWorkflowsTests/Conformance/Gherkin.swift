import Foundation
import Testing

/// One scenario of a feature file: its steps as they are written.
struct GherkinScenario: Sendable, CustomTestStringConvertible {
    struct Step: Sendable {
        /// Without its keyword.
        let text: String
        /// The text between `"""yaml` and `"""` below the step, without the indentation of its delimiters.
        let document: String?
        let line: Int
    }

    let file: String
    let name: String
    let steps: [Step]

    var testDescription: String { "\(file): \(name)" }

    /// The document that its definition step gives.
    var definition: String { steps.first { $0.text == "a workflow with definition:" }?.document ?? "" }
}

/// Reads the part of the Gherkin language in which the conformance kit is written: features, scenarios, steps with doc
/// strings, comments. Anything else is an error, so that nothing is passed over.
struct GherkinParser {
    struct Failure: Error, CustomStringConvertible {
        let file: String
        let line: Int
        let reason: String
        var description: String { "\(file):\(line): \(reason)" }
    }

    private static let keywords = ["Given", "When", "Then", "And", "But", "*"]

    private let file: String
    private let lines: [Substring]
    private var next = 0

    init(file: String, text: String) {
        self.file = file
        lines = text.replacing("\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// All scenarios of the file, at least one.
    mutating func scenarios() throws -> [GherkinScenario] {
        var scenarios: [GherkinScenario] = []
        var name: String?
        var steps: [GherkinScenario.Step] = []
        func close() throws {
            guard let name else { return }
            guard !steps.isEmpty else { throw failure("the scenario '\(name)' has no steps") }
            scenarios.append(GherkinScenario(file: file, name: name, steps: steps))
        }
        var isFeature = false
        while let line = takeLine() {
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            if line.hasPrefix("Feature:") {
                guard !isFeature else { throw failure("a second feature") }
                isFeature = true
            } else if line.hasPrefix("Scenario:") {
                try close()
                name = line.dropFirst("Scenario:".count).trimmingCharacters(in: .whitespaces)
                steps = []
            } else if name != nil {
                steps.append(try step(line))
            } else if !isFeature {
                throw failure("a text before the feature")
            }
        }
        try close()
        guard !scenarios.isEmpty else { throw failure("no scenarios") }
        return scenarios
    }

    private mutating func step(_ line: String) throws -> GherkinScenario.Step {
        guard let keyword = Self.keywords.first(where: { line.hasPrefix($0 + " ") }) else {
            throw failure("no step: \(line)")
        }
        let number = next
        let text = line.dropFirst(keyword.count + 1).trimmingCharacters(in: .whitespaces)
        return GherkinScenario.Step(text: text, document: try docString(), line: number)
    }

    /// The doc string that begins in the next line, if one does.
    private mutating func docString() throws -> String? {
        guard next < lines.count, lines[next].trimmingCharacters(in: .whitespaces).hasPrefix("\"\"\"") else {
            return nil
        }
        let indentation = lines[next].prefix { $0 == " " }.count
        next += 1
        var content: [Substring] = []
        while next < lines.count {
            let line = lines[next]
            next += 1
            if line.trimmingCharacters(in: .whitespaces) == "\"\"\"" { return content.joined(separator: "\n") }
            content.append(line.dropFirst(min(indentation, line.prefix { $0 == " " }.count)))
        }
        throw failure("a doc string without an end")
    }

    private mutating func takeLine() -> String? {
        guard next < lines.count else { return nil }
        defer { next += 1 }
        return lines[next].trimmingCharacters(in: .whitespaces)
    }

    private func failure(_ reason: String) -> Failure { Failure(file: file, line: next, reason: reason) }
}
