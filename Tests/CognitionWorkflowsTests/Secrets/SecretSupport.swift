import CognitionCore
import CognitionEvents
import CognitionStorage
import CognitionTestSupport
import CognitionWorkflows
import Synchronization
import Testing

/// Hides what it seals and binds it to its context; no protection against anybody.
struct TestCipher: SecretCipher {
    private func stream(_ context: [UInt8], _ count: Int) -> [UInt8] {
        var stream: [UInt8] = []
        var block: UInt8 = 0
        while stream.count < count {
            stream += HMACSHA256.code(for: context + [block], key: Array("test".utf8))
            block &+= 1
        }
        return stream
    }

    func seal(_ plain: [UInt8], in context: [UInt8]) throws -> SealedSecret {
        let hidden = zip(plain, stream(context, plain.count)).map { $0 ^ $1 }
        return SealedSecret(keyID: "test", bytes: HMACSHA256.code(for: plain, key: context) + hidden)
    }

    func open(_ sealed: SealedSecret, in context: [UInt8]) throws -> [UInt8]? {
        let hidden = Array(sealed.bytes.dropFirst(32))
        let plain = zip(hidden, stream(context, hidden.count)).map { $0 ^ $1 }
        return HMACSHA256.code(for: plain, key: context) == Array(sealed.bytes.prefix(32)) ? plain : nil
    }
}

/// The outside world as a test wants it; it remembers what it was asked.
final class ScriptedHTTP: OutboundHTTP {
    typealias Answer = (status: Int, headers: [(name: String, value: String)], body: JSONValue)

    private let asked = Mutex<[OutboundRequest]>([])
    private let answer: @Sendable (OutboundRequest) async throws -> Answer

    init(_ answer: @escaping @Sendable (OutboundRequest) async throws -> Answer) { self.answer = answer }

    var requests: [OutboundRequest] { asked.withLock { $0 } }

    func requests(to url: String) -> [OutboundRequest] { requests.filter { $0.url.hasPrefix(url) } }

    func send(_ request: OutboundRequest) async throws -> OutboundResponse {
        asked.withLock { $0.append(request) }
        let (status, headers, body) = try await answer(request)
        var all = headers
        if !all.contains(where: { $0.name.lowercased() == "content-type" }) {
            all.append(("Content-Type", "application/json"))
        }
        let isYAML = all.contains { $0.value == "application/yaml" }
        let bytes = isYAML ? Array((body.stringValue ?? "").utf8) : body.jsonBytes
        return OutboundResponse(status: status, headers: all, body: bytes, url: request.url)
    }
}

extension OutboundRequest {
    func header(_ name: String) -> String? {
        headers.last { $0.name.lowercased() == name.lowercased() }?.value
    }

    var text: String { String(decoding: body ?? [], as: UTF8.self) }

    /// Everything that was sent, as a peer that repeats it would.
    var echo: JSONValue {
        [
            "url": .string(url), "body": .string(text),
            "headers": .object(JSONObject(headers.map { ($0.name, .string($0.value)) })),
        ]
    }
}

extension EngineHarness {
    /// Everything that users can see of an execution, as one text.
    func everything(of id: ExecutionID) async throws -> String {
        var text = String(decoding: try await workflows.executionJSON(id, in: .default), as: UTF8.self)
        text += try await workflows.execution(id, in: .default).json.jsonText
        for task in try await workflows.tasks(of: id, limit: 200, in: .default).items {
            text += (task.input ?? .null).jsonText + (task.output ?? .null).jsonText
        }
        for event in try await workflows.events(of: id, limit: 200, in: .default).events {
            text += event.data.jsonText
        }
        return text
    }

    /// What the tables of workflows hold, as one text.
    func rows() async throws -> String {
        let statements: [SQL] = [
            "SELECT input, context, output, error FROM executions", "SELECT own_input, input, output, error FROM tasks",
            "SELECT progress, items, NULL, NULL FROM tasks",
        ]
        return try await database.read { tx in
            var text = ""
            for statement in statements {
                for row in try tx.query(
                    statement,
                    as: { row in
                        [
                            try row[0] as [UInt8]?, try row[1] as [UInt8]?, try row[2] as [UInt8]?,
                            try row[3] as [UInt8]?,
                        ]
                    })
                {
                    for column in row { text += String(decoding: column ?? [], as: UTF8.self) }
                }
            }
            return text
        }
    }
}

/// Lends an engine with secrets and a world that answers.
func withSecrets(
    on engine: TestDatabase.Engine, _ secrets: [String: JSONValue], http: any OutboundHTTP = NoHTTP(),
    script: ScriptedFunction = ScriptedFunction(),
    _ body: (EngineHarness) async throws -> Void
) async throws {
    try await withTestDatabase(engine, migrations: EngineHarness.migrations) { database in
        let harness = EngineHarness(database, script: script, http: http, cipher: TestCipher())
        for (name, value) in secrets {
            _ = try await harness.workflows.setSecret(name, to: value, as: .localOperator)
        }
        try await body(harness)
    }
}
