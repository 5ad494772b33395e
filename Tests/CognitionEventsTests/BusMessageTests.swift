import CognitionCore
import CognitionEvents
import CognitionTestSupport
import Testing

@Suite("Events as others see them") struct BusMessageTests {
    /// What the log tells of an event that was appended.
    private func message(_ event: NewEvent, in stream: StreamName) async throws -> BusMessage {
        try await withLog(.sqliteMemory) { log in
            try await log.append([event], to: stream, context: .test(workspace: "lab"))
            return BusMessage(try #require(try await log.all().first))
        }
    }

    @Test("A published event does not speak for the log: position and workspace are those of the log")
    func claims() async throws {
        let claim: JSONValue = [
            "specversion": "1.0", "id": "1", "source": "/x", "type": "execution.completed", "position": "999999",
            "workspaceid": "other", "note": "kept",
        ]
        let message = try await message(
            NewEvent("cloudevent.published", data: claim), in: StreamName("cloudevent", "execution.completed"))
        let body = try JSONValue(parsing: message.body)
        #expect(body["position"] == "1" && body["workspaceid"] == "lab" && body["note"] == "kept")
        #expect(message.type == "execution.completed" && message.workspace.name == "lab")
    }
}
