import CognitionCore
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Foundation
import Testing

/// A workflow whose executions a build leaves unfinished in a fixture, how another build is made to go on with them, and
/// what has to come of it.
struct ParkedWorkflow: Sendable {
    /// Which of the processes that make a fixture leaves the execution there.
    enum Start: Sendable {
        /// The first, which dies with calls under way.
        case first
        /// The second, which takes over from the first and dies as well.
        case second
        /// Something else starts it: a parent, a schedule, or the process that goes on with the fixture.
        case elsewhere
        /// The last, which runs no engine.
        case last
    }

    struct End: Sendable {
        var status = ExecutionStatus.completed
        var reason: StatusReason?
        var output: JSONValue?
        /// The last part of the fault's type.
        var fault: String?
        /// Names of the tasks that were not skipped, in the order of their numbers.
        var tasks: String
    }

    /// Of the workflow; calls begin theirs with it.
    let name: String
    let body: String
    /// Members of the document beside `do`.
    var head = ""
    var input: JSONValue = [:]
    var start = Start.second
    /// Calls that had been made when it was left, each by its argument `at`.
    var before: [String] = []
    /// Calls that are made after that.
    var after: [String] = []
    /// Of its executions, the oldest first.
    let ends: [End]
    /// Brings a new execution to the place where it is left.
    var park: @Sendable (_ harness: EngineHarness, _ id: ExecutionID) async throws -> Void = { try await $0.settle($1) }
    /// Does what is needed besides seven hours of time; gets the executions that the fixture has of it, oldest first.
    var goOn: @Sendable (_ harness: EngineHarness, _ ids: [ExecutionID]) async throws -> Void = { _, _ in }

    var document: String { (head.isEmpty ? "" : head + "\n") + workflow(name, "1.0.0", body) }

    /// When the clock stands still in which a fixture is made.
    static let moment = ManualClock().now

    /// What stands for the outside, in the processes that make a fixture and in those that go on with it.
    ///
    /// - Parameter gate: Holds the calls that shall be under way when their process ends.
    static func script(heldBy gate: Gate? = nil) -> ScriptedFunction {
        ScriptedFunction { invocation in
            let arguments = invocation.arguments
            if arguments["refused"] == true { throw WorkflowFault(.communication, "refused", status: 422) }
            guard let gate else { return }
            if arguments["down"] == true { throw WorkflowFault(.communication, "down", status: 503) }
            if arguments["hold"] == true {
                await gate.pass()
                try Task.checkCancellation()
            }
        }
    }
}

extension ScriptedFunction {
    /// The calls so far, each by its argument `at`.
    var places: [String] {
        ledger.map { line in
            let arguments = line.drop { $0 != " " }.dropFirst()
            return (try? JSONValue(parsing: Array(arguments.utf8)))?["at"]?.stringValue ?? line
        }
    }
}

extension EngineHarness {
    /// Waits until a call has been made.
    func call(_ place: String) async throws {
        try await eventually { script.places.contains(place) }
    }

    /// Executions of a workflow of namespace `test`, the oldest first.
    func executions(of name: String) async throws -> [ExecutionID] {
        let filter = ExecutionFilter(workflow: WorkflowID(namespace: "test", name: name))
        return try await workflows.executions(filter, limit: 200, in: .default).items.map(\.id).reversed()
    }

    /// Answers the question that an execution asks.
    func answer(_ id: ExecutionID, _ choice: String) async throws {
        for approval in try await workflows.approvals(of: id, limit: 10, in: .default).items {
            _ = try await workflows.answer(
                task: approval.task, attempt: approval.attempt, of: id, choice: choice,
                digest: approval.request.digest, comment: nil, as: .localOperator)
        }
    }
}

/// A database that an earlier build has left, as it is kept beside the tests.
struct Fixture: Sendable, CustomTestStringConvertible {
    struct Damaged: Error {
        let name: String
    }

    let file: URL

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Fixtures")
        .standardizedFileURL

    /// Release and newest migration.
    static var nameOfThisBuild: String { "\(Release.version)-\(EngineHarness.migrations.last?.name ?? "")" }

    static var all: [Fixture] {
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.filter { $0.lastPathComponent.hasSuffix(".sqlite.gz") }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }.map(Fixture.init(file:))
    }

    var testDescription: String { file.deletingPathExtension().deletingPathExtension().lastPathComponent }

    /// Unpacks it into a file that may be changed.
    func unpack(to path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]) else {
            throw Damaged(name: testDescription)
        }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["gzip", "--decompress", "--stdout", file.path]
        let output = try FileHandle(forWritingTo: URL(filePath: path))
        process.standardOutput = output
        try process.run()
        process.waitUntilExit()
        try output.close()
        guard process.terminationStatus == 0 else { throw Damaged(name: testDescription) }
    }
}
