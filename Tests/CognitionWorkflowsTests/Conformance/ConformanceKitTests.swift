import CognitionCore
import CognitionDocuments
import CognitionTestSupport
import CognitionWorkflows
import Foundation
import Testing

/// The standard's conformance kit, straight from its feature files.
@Suite("Conformance kit") struct ConformanceKitTests {
    @Test(
        "A scenario of the kit", arguments: try Self.scenarios(), [TestDatabase.Engine.sqliteMemory, .postgres])
    func scenario(_ scenario: GherkinScenario, on engine: TestDatabase.Engine) async throws {
        try await StandInServer.with(PublicHosts.answer) { server in
            try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
                var run = ScenarioRun(harness: EngineHarness(database, http: server.http))
                for step in scenario.steps { try await run.perform(step) }
            }
        }
    }

    @Test("Every feature file gives scenarios, and every scenario executes a workflow and expects something of it")
    func complete() throws {
        let scenarios = try Self.scenarios()
        #expect(scenarios.count >= 21)
        let folder = try SharedData.folder("serverless-workflow/ctk/features")
        #expect(Set(scenarios.map(\.file)) == Set(try SharedData.files(in: folder, ending: ".feature")))
        for scenario in scenarios {
            #expect(!scenario.definition.isEmpty, "\(scenario.testDescription)")
            let execution = scenario.steps.firstIndex { $0.text == "the workflow is executed" }
            #expect(execution.map { $0 < scenario.steps.count - 1 } == true, "\(scenario.testDescription)")
        }
    }

    @Test("A step that nobody has defined fails")
    func unknownStep() async throws {
        var parser = GherkinParser(file: "x", text: "Feature: a\nScenario: b\nGiven the moon is full")
        let step = try #require(try parser.scenarios().first?.steps.first)
        try await withTestDatabase(.sqliteMemory, migrations: EngineHarness.migrations) { database in
            var run = ScenarioRun(harness: EngineHarness(database))
            await #expect(throws: ScenarioRun.UnknownStep.self) { try await run.perform(step) }
        }
    }

    static func scenarios() throws -> [GherkinScenario] {
        let folder = try SharedData.folder("serverless-workflow/ctk/features")
        return try SharedData.files(in: folder, ending: ".feature").flatMap { file in
            var parser = GherkinParser(file: file, text: try SharedData.text(folder, file))
            return try parser.scenarios()
        }
    }
}

/// One scenario under way.
struct ScenarioRun {
    struct UnknownStep: Error, CustomStringConvertible {
        let step: GherkinScenario.Step
        var description: String { "line \(step.line): there is no definition for the step '\(step.text)'" }
    }

    let harness: EngineHarness
    private var definition = ""
    private var input: JSONValue = [:]
    private var execution: Execution?

    init(harness: EngineHarness) { self.harness = harness }

    mutating func perform(_ step: GherkinScenario.Step) async throws {
        let text = step.text
        switch text {
        case "a workflow with definition:":
            definition = try #require(step.document)
        case "given the workflow input is:", "the workflow input is:":
            input = try Self.value(of: step)
        case "the workflow is executed":
            let (harness, definition, input) = (harness, definition, input)
            execution = try await harness.running {
                try await harness.end(of: harness.execute(definition, input: input))
            }
        case "the workflow should complete":
            try expect(.completed)
        case "the workflow should complete with output:":
            try expect(.completed)
            #expect(try ended.output == Self.value(of: step))
        case "the workflow should fault":
            try expect(.faulted)
        case "the workflow should fault with error:":
            try expect(.faulted)
            #expect(try ended.fault?.json == Self.value(of: step))
        case "the workflow should cancel":
            try expect(.cancelled)
        default:
            guard try checkOutput(step) || checkOrder(text) else { throw UnknownStep(step: step) }
        }
    }

    private var ended: Execution {
        get throws { try #require(execution, "nothing was executed yet") }
    }

    private func expect(_ status: ExecutionStatus) throws {
        let ended = try ended
        #expect(ended.status == status, "\(ended.fault.map(String.init(describing:)) ?? "")")
    }

    // MARK: Output

    /// Steps about properties of the output; false for any other.
    private func checkOutput(_ step: GherkinScenario.Step) throws -> Bool {
        if let match = step.text.wholeMatch(of: /the workflow output should have propert(?:y|ies) ('.+')/) {
            for quoted in match.output.1.split(separator: ",") {
                let path = quoted.trimmingCharacters(in: .whitespaces).trimmingCharacters(in: ["'"])
                #expect(try property(path) != nil, "the output has no \(path)")
            }
            return true
        }
        if let match = step.text.wholeMatch(of: /the workflow output should have an? '(.+)' property with value:/) {
            #expect(try property(String(match.output.1)) == Self.value(of: step))
            return true
        }
        let counted = /the workflow output should have an? '(.+)' property containing (\d+) items?/
        if let match = step.text.wholeMatch(of: counted) {
            #expect(try property(String(match.output.1))?.arrayValue?.count == Int(match.output.2))
            return true
        }
        return false
    }

    /// The member of the output that a dotted path names.
    private func property(_ path: String) throws -> JSONValue? {
        path.split(separator: ".").reduce(try ended.output) { value, name in value?[String(name)] }
    }

    // MARK: Order

    /// Steps about the tasks that ran; false for any other.
    private func checkOrder(_ text: String) throws -> Bool {
        func place(_ name: Substring) throws -> Int {
            try #require(try ended.tasks.firstIndex { $0.name == name }, "\(name) did not run")
        }
        if let match = text.wholeMatch(of: /(\S+) should run (first|last)/) {
            let tasks = try ended.tasks
            #expect((match.output.2 == "first" ? tasks.first : tasks.last)?.name == String(match.output.1))
        } else if let match = text.wholeMatch(of: /(\S+) should run (before|after) (\S+)/) {
            let (one, other) = (try place(match.output.1), try place(match.output.3))
            #expect(match.output.2 == "before" ? one < other : one > other)
        } else if let match = text.wholeMatch(of: /(\S+) should (complete|fault|cancel)/) {
            let statuses: [Substring: TaskStatus] = [
                "complete": .completed, "fault": .faulted, "cancel": .cancelled,
            ]
            #expect(try ended.tasks[place(match.output.1)].status == statuses[match.output.2])
        } else {
            return false
        }
        return true
    }

    private static func value(of step: GherkinScenario.Step) throws -> JSONValue {
        try PositionedDocument(yaml: try #require(step.document)).value
    }
}
