import ArgumentParser
import CognitionCore
import CognitionWorkflows
import Synchronization

/// Has commands carried out by the server that holds the data folder.
struct RemoteDesk: ExecutionDesk {
    /// Unfinished executions of a workflow that are looked at, of each status, to find the one to go on with.
    private static let unfinishedMax = 50
    /// Of how many of those the input is compared.
    private static let comparedMax = 20
    /// Streams in a row that are cut off before an event comes.
    private static let failuresMax = 10

    let server: RemoteServer

    var serverAddress: ServerAddress? { server.address }

    var isWithoutEngine: Bool { false }

    func workflows(_ page: PageWish) async throws -> JSONValue {
        try await server.call("GET", "workflows", query: [("limit", String(page.limit)), ("cursor", page.cursor)])
    }

    func executions(status: ExecutionStatus?, _ page: PageWish) async throws -> JSONValue {
        try await executions(of: nil, status: status, page)
    }

    private func executions(
        of workflow: String?, status: ExecutionStatus?, _ page: PageWish
    ) async throws -> JSONValue {
        let answer = try await server.call(
            "GET", "workflows", "executions",
            query: [
                ("workflow", workflow), ("status", status?.name), ("limit", String(page.limit)),
                ("cursor", page.cursor),
            ])
        guard case .object(var members) = answer else { return answer }
        // `execution_id` says the same as `id`; commands print it once, with or without a server.
        members["items"] = .array(
            (members["items"]?.arrayValue ?? []).map { item in
                guard case .object(var members) = item else { return item }
                members["execution_id"] = nil
                return .object(members)
            })
        return .object(members)
    }

    func execution(_ id: ExecutionID) async throws -> ExecutionReport {
        try ExecutionReport(try await server.call("GET", "workflows", "executions", id.description))
    }

    func cancel(_ id: ExecutionID) async throws {
        _ = try await server.call("POST", "workflows", "executions", id.description, "cancel")
    }

    // MARK: Following

    /// The place in a stream of server-sent events, for when it is cut off.
    private final class Place: Sendable {
        let lastEventID = Mutex<String?>(nil)
    }

    func follow(
        _ id: ExecutionID, tokens: (@Sendable (TokenUpdate) -> Void)?,
        _ take: @escaping @Sendable (ExecutionEvent) -> Bool
    ) async throws {
        let place = Place()
        var failures = 0
        while true {
            let before = place.lastEventID.withLock { $0 }
            do {
                guard try await follow(id, from: place, tokens, take) else { return }
                failures = 0
            } catch let error as OutboundHTTPError {
                try Task.checkCancellation()
                failures = place.lastEventID.withLock { $0 } == before ? failures + 1 : 0
                if failures == Self.failuresMax { throw error }
            }
            // The stream was cut off. While the server is there it is opened again, after what has come.
            if try await execution(id).isParked { return }
            try await Task.sleep(for: .milliseconds(250))
        }
    }

    /// - Returns: Whether more events may follow.
    private func follow(
        _ id: ExecutionID, from place: Place, _ tokens: (@Sendable (TokenUpdate) -> Void)?,
        _ take: @escaping @Sendable (ExecutionEvent) -> Bool
    ) async throws -> Bool {
        try await server.stream(
            "workflows", "executions", id.description, "events", query: [("tokens", tokens == nil ? "false" : "true")],
            lastEventID: place.lastEventID.withLock { $0 }
        ) { chunks in
            var reader = ServerSentEvents(eventBytesMax: 64 << 20, totalBytesMax: .max)
            for try await chunk in chunks {
                let events = try reader.feed(chunk)
                for event in events {
                    if event.name.hasPrefix("token") {
                        if let update = TokenUpdate(try JSONValue(parsing: event.data)) { tokens?(update) }
                        continue
                    }
                    let event = try ExecutionEvent(try JSONValue(parsing: event.data))
                    guard take(event), !event.isLast else { return false }
                }
                if !events.isEmpty {
                    place.lastEventID.withLock { $0 = reader.lastEventID }
                } else if chunk.first == UInt8(ascii: ":"), try await execution(id).isParked {
                    return false  // one that was set aside tells nothing; the server's sign of life is the time to look
                }
            }
            return true
        } ?? false
    }

    func waitForEnd(of id: ExecutionID) async throws -> ExecutionReport {
        while true {
            let report = try await execution(id)
            if report.status.hasEnded || report.isParked { return report }
            try await follow(id) { !$0.parks }
            // The event that parked it may be an old one.
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    // MARK: Running

    /// When this process is interrupted, the server goes on.
    func withRun<Result: Sendable>(
        _ order: RunOrder, _ body: @escaping @Sendable (StartedRun) async throws -> Result
    ) async throws -> Result {
        let run = try await start(order)
        let next = "cognitionos execution watch \(run.id)"
        do {
            return try await body(run)
        } catch is CancellationError {
            Terminal.note(
                "interrupted; execution \(run.id) goes on in the server at \(server.address): \(next), or cancel")
            throw ExitCode(130)
        } catch let error as ServerGone {
            throw CommandFailure("\(error); execution \(run.id) is kept, and goes on when it starts again: \(next)")
        }
    }

    private func start(_ order: RunOrder) async throws -> StartedRun {
        let stored = try await server.call(
            "POST", "workflows", query: [("revision", "true")], body: .document(order.document))
        guard let workflow = stored["id"]?.stringValue, let version = stored["version"]?.stringValue else {
            throw ExecutionReport.notOurs
        }
        func started(_ id: ExecutionID, isContinued: Bool) -> StartedRun {
            StartedRun(id: id, workflow: workflow, version: version, isContinued: isContinued)
        }
        if !order.startsNew, let id = try await unfinished(workflow, version, order.input) {
            return started(id, isContinued: true)
        }
        var request: JSONObject = [
            "workflow_id": .string(workflow), "version": .string(version), "input": order.input,
        ]
        if let priority = order.priority { request["priority"] = .integer(Int64(priority)) }
        let answer = try await server.call("POST", "workflows", "execute", body: .json(.object(request)))
        guard let id = answer["id"]?.stringValue.flatMap(ExecutionID.init) else { throw ExecutionReport.notOurs }
        return started(id, isContinued: false)
    }

    /// The newest unfinished execution of the same version and input, among the last of the workflow.
    private func unfinished(_ workflow: String, _ version: String, _ input: JSONValue) async throws -> ExecutionID? {
        var candidates: [ExecutionID] = []
        for status in [ExecutionStatus.pending, .running, .waiting] {
            let page = try await executions(of: workflow, status: status, PageWish(limit: Self.unfinishedMax))
            candidates += (page["items"]?.arrayValue ?? []).filter { $0["version"]?.stringValue == version }
                .compactMap { $0["id"]?.stringValue.flatMap(ExecutionID.init) }
        }
        let wanted = input.canonicalJSON
        // Ids begin with the time.
        for id in candidates.sorted(by: { $0.description > $1.description }).prefix(Self.comparedMax) {
            let report = try await execution(id)
            if !report.status.hasEnded, report.input.canonicalJSON == wanted { return id }
        }
        return nil
    }
}
