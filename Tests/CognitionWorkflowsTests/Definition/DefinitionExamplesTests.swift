import CognitionCore
import CognitionWorkflows
import Foundation
import Testing

/// The standard's own examples and conformance kit.
@Suite struct DefinitionExamplesTests {
    /// Words that the message must have for each example that is refused; all others must be accepted.
    private static let refused: [String: [String]] = [
        "accumulate-room-readings.yaml": ["'listen'"],
        "call-asyncapi-publish.yaml": ["'asyncapi'"],
        "call-asyncapi-subscribe-consume-amount.yaml": ["'asyncapi'"],
        "call-asyncapi-subscribe-consume-forever-foreach.yaml": ["'asyncapi'"],
        "call-asyncapi-subscribe-consume-until.yaml": ["'asyncapi'"],
        "call-asyncapi-subscribe-consume-while.yaml": ["'asyncapi'"],
        "call-custom-function-cataloged.yaml": ["catalogs"],
        "call-grpc.yaml": ["'grpc'"],
        "emit.yaml": ["'emit'"],
        "for.yaml": ["'listen'"],
        "listen-to-all read-envelope.yaml": ["'listen'"],
        "listen-to-all.yaml": ["'listen'"],
        "listen-to-any-filter.yaml": ["'listen'"],
        "listen-to-any-forever-foreach.yaml": ["'listen'"],
        "listen-to-any-until-condition.yaml": ["'listen'"],
        "listen-to-any-until-consumed.yaml": ["'listen'"],
        "listen-to-any.yaml": ["'listen'"],
        "listen-to-one.yaml": ["'listen'"],
        "mock-service-extension.yaml": ["extensions"],
        "run-container-cleanup-always.yaml": ["container"],
        "run-container-cleanup-eventually.yaml": ["container"],
        "run-container-stdin-and-arguments.yaml": ["container"],
        "run-container-with-name.yaml": ["container"],
        "run-container-with-pull-policy.yaml": ["container"],
        "run-container.yaml": ["container"],
        "run-return-all.yaml": ["container"],
        "run-return-code.yaml": ["container"],
        "run-return-none.yaml": ["container"],
        "run-return-stderr.yaml": ["container"],
        "schedule-cron.yaml": ["'schedule'"],
        "schedule-event-driven.yaml": ["'schedule'"],
        "set-expression.yaml": ["'schedule'"],
        "set.yaml": ["'schedule'"],
        "try-catch-then.yaml": ["'emit'"],
    ]

    @Test("Every example is accepted, or refused with what is not supported named, and nothing else")
    func examples() throws {
        let folder = try SharedData.folder("serverless-workflow/examples")
        let files = try SharedData.files(in: folder, ending: ".yaml")
        #expect(files.count >= 66)
        for unknown in Self.refused.keys where !files.contains(unknown) {
            Issue.record("there is no example \(unknown)")
        }
        for file in files {
            let faults = try faults(in: SharedData.text(folder, file))
            let words = Self.refused[file] ?? []
            #expect(faults.count == words.count, "\(file): \(faults)")
            for fault in faults {
                #expect(fault.message.contains("not supported"), "\(file): \(fault)")
                #expect(words.contains { fault.message.contains($0) }, "\(file): \(fault)")
            }
        }
    }

    @Test("The conformance kit's definitions are accepted, but for those that need events")
    func conformanceKit() throws {
        let folder = try SharedData.folder("serverless-workflow/ctk/features")
        var accepted = 0
        for file in try SharedData.files(in: folder, ending: ".feature") {
            for text in definitions(in: try SharedData.text(folder, file)) {
                let faults = try faults(in: text)
                if file == "emit.feature" {
                    #expect(faults.count == 1 && faults[0].message.contains("not supported yet"), "\(file): \(faults)")
                } else {
                    #expect(faults.isEmpty, "\(file): \(faults)")
                    accepted += 1
                }
            }
        }
        #expect(accepted >= 19)
    }

    /// The texts between `"""yaml` and `"""` after a line that gives a definition.
    private func definitions(in feature: String) -> [String] {
        var texts: [String] = []
        var lines: [Substring]?
        var isDefinition = false
        for line in feature.split(separator: "\n", omittingEmptySubsequences: false) {
            let trimmed = line.trimmingCharacters(in: .whitespaces)
            if lines != nil, trimmed == "\"\"\"" {
                if isDefinition { texts.append(lines?.joined(separator: "\n") ?? "") }
                lines = nil
            } else if lines != nil {
                lines?.append(line)
            } else if trimmed == "\"\"\"yaml" {
                lines = []
            } else {
                isDefinition = trimmed.contains("definition:")
            }
        }
        return texts
    }
}
