import CognitionCore
import CognitionWorkflows
import Foundation
import Testing

/// Thousands of executions of made-up documents, each with the troubles that its seed brings.
///
/// A failure names its seed; `COGNITIONOS_SIMULATION_SEED=…` runs that one alone and tells everything that happens in it.
@Suite("Simulation of the engine", .timeLimit(.minutes(5))) struct SimulationTests {
    /// Schedules that share a document.
    static let schedulesPerDocument: UInt64 = 40
    static let fixed: Range<UInt64> = 0..<9_200

    static let asked = ProcessInfo.processInfo.environment["COGNITIONOS_SIMULATION_SEED"].flatMap(UInt64.init)

    static func document(for seed: UInt64) -> JSONValue {
        var document = RandomWorkflow(seed: seed / schedulesPerDocument)
        return document.document()
    }

    static func definition(for seed: UInt64) throws -> WorkflowDefinition {
        try WorkflowDefinition(reading: document(for: seed).jsonText, context: .testing)
    }

    /// - Returns: What went wrong with the first seeds that failed.
    static func run(_ seeds: Range<UInt64>) async throws -> (failures: [String], retries: Int) {
        let desk = try await RetryDesk()
        var failures: [String] = []
        var retries = 0
        var document: (number: UInt64, definition: WorkflowDefinition)?
        for seed in seeds where failures.count < 3 {
            do {
                if document?.number != seed / schedulesPerDocument {
                    document = (seed / schedulesPerDocument, try definition(for: seed))
                }
                guard let definition = document?.definition else { continue }
                var world = try SimulatedWorld(seed: seed, definition)
                try await world.run(retryingAt: desk)
                retries += world.retries
            } catch {
                failures.append(await story(of: seed, error, at: desk))
            }
        }
        await desk.close()
        return (failures, retries)
    }

    /// Runs a seed again, and tells what happens.
    static func story(of seed: UInt64, _ error: any Error, at desk: RetryDesk) async -> String {
        var story: [String] = []
        if let definition = try? definition(for: seed),
            var world = try? SimulatedWorld(seed: seed, definition, isTold: true)
        {
            do { try await world.run(retryingAt: desk) } catch { story.append("again: \(error)") }
            story = world.story + story
        }
        return """
            COGNITIONOS_SIMULATION_SEED=\(seed): \(error)
            \(document(for: seed).jsonText)
            \(story.joined(separator: "\n"))
            """
    }

    static func check(_ seeds: Range<UInt64>) async throws {
        let half = seeds.lowerBound + UInt64(seeds.count / 2)
        let (failures, retries) = try await withThrowingTaskGroup(of: (failures: [String], retries: Int).self) {
            group in
            for part in [seeds.lowerBound..<half, half..<seeds.upperBound] { group.addTask { try await run(part) } }
            return try await group.reduce(into: ([String](), 0)) { sum, part in
                sum.0 += part.failures
                sum.1 += part.retries
            }
        }
        for failure in failures { Issue.record("\(failure)") }
        #expect(retries * 20 > seeds.count, "hardly any of them was tried again: \(retries)")
    }

    @Test("Nothing is lost, done twice or left undone, whatever happens", .enabled(if: asked == nil))
    func fixedSeeds() async throws { try await Self.check(Self.fixed) }

    @Test("Nor with seeds that nobody has tried before", .enabled(if: asked == nil))
    func newSeeds() async throws {
        let first = UInt64.random(in: 1 << 32...1 << 52)
        try await Self.check(first..<first + 1_000)
    }

    @Test("The seed that was asked for", .enabled(if: asked != nil))
    func askedSeed() async throws {
        let seed = try #require(Self.asked)
        let definition = try Self.definition(for: seed)
        var world = try SimulatedWorld(seed: seed, definition, isTold: true)
        let desk = try await RetryDesk()
        do { try await world.run(retryingAt: desk) } catch { Issue.record("\(error)") }
        await desk.close()
        print(world.story.joined(separator: "\n"))
    }
}
