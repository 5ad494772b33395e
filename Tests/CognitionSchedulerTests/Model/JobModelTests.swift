import CognitionCore
import CognitionStorage
import CognitionTestSupport
import Foundation
import Testing

/// Random sequences of what can happen to jobs, against ``JobModel``. What fails is shrunk and printed with its seed;
/// `COGNITIONOS_JOBS_SEED` tries one seed again, `COGNITIONOS_JOBS_SEQUENCES` tries so many.
@Suite("Jobs against a model", .timeLimit(.minutes(10))) struct JobModelTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let seed = environment["COGNITIONOS_JOBS_SEED"].flatMap { UInt64($0) }
    private static let sequences = environment["COGNITIONOS_JOBS_SEQUENCES"].flatMap { Int($0) }
    private static let length = 40

    /// How many are tried where nothing is said.
    private static func usualCount(on engine: TestDatabase.Engine) -> Int {
        switch engine {
        case .sqliteMemory: 40
        case .sqliteFile, .postgres: 5
        }
    }

    @Test("States, dependencies, unique keys and limits are those of the model", arguments: TestDatabase.engines)
    func sequences(on engine: TestDatabase.Engine) async throws {
        let seeds =
            Self.seed.map { [$0] }
            ?? (0..<(Self.sequences ?? Self.usualCount(on: engine))).map { _ in UInt64.random(in: 0...UInt64.max) }
        for seed in seeds {
            var random = SplitMix64(seed: seed)
            let operations = (0..<Self.length).map { _ in JobOperation.random(using: &random) }
            guard try await Self.objection(to: operations, on: engine) != nil else { continue }
            let shrinking = Shrinking(triesMax: engine == .sqliteMemory ? 600 : 40)
            let minimal = try await shrinking.minimal(operations) { candidate in
                try await Self.objection(to: candidate, on: engine) != nil
            }
            let objection = try await Self.objection(to: minimal, on: engine)
            Issue.record(
                """
                seed \(seed): \(objection?.description ?? "it has passed again")
                \(minimal.map { "  \($0)" }.joined(separator: "\n"))
                """)
            return
        }
    }

    private static func objection(
        to operations: [JobOperation], on engine: TestDatabase.Engine, flaw: JobModel.Flaw? = nil
    ) async throws -> JobModel.Objection? {
        try await withTestDatabase(engine, migrations: SchedulerHarness.migrations) { database in
            do {
                try await JobModelRun(database, flaw: flaw).run(operations)
                return nil
            } catch let objection as JobModel.Objection {
                return objection
            }
        }
    }

    @Test("A model that is wrong about one thing is found out, by as little as that takes")
    func findsOut() async throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            var random = SplitMix64(seed: seed)
            let operations = (0..<Self.length).map { _ in JobOperation.random(using: &random) }
            func fails(_ candidate: [JobOperation]) async throws -> Bool {
                try await Self.objection(to: candidate, on: .sqliteMemory, flaw: .snoozingCounts) != nil
            }
            guard try await fails(operations) else { continue }
            let minimal = try await Shrinking().minimal(operations, fails: fails)
            #expect(minimal == [.enqueue([PlannedJob()]), .finish(0, .snooze)])
            return
        }
        Issue.record("nothing was found in twenty sequences")
    }

    @Test("Shrinking leaves what matters")
    func shrinks() async throws {
        var random = SplitMix64(seed: 7)
        let operations = (0..<60).map { _ in JobOperation.random(using: &random) }
        // As if it took a death some time after a job with dependencies.
        let minimal = try await Shrinking().minimal(operations) { candidate in
            let first = candidate.firstIndex {
                if case .enqueue(let jobs) = $0 { jobs.contains { !$0.parents.isEmpty } } else { false }
            }
            return first.map { start in
                candidate[start...].contains { if case .death = $0 { true } else { false } }
            } ?? false
        }
        #expect(minimal.count == 2)
        guard case .enqueue(let jobs) = minimal.first else {
            Issue.record("\(minimal)")
            return
        }
        #expect(jobs.count == 1 && jobs[0].delay == 0 && jobs[0].unique == nil && jobs[0].limit == nil)
        #expect(minimal.last == .death(cancelling: nil))
    }
}
