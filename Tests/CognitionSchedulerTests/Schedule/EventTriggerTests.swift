import CognitionCore
import CognitionEvents
import CognitionScheduler
import CognitionTestSupport
import Testing

@Suite("Events that let a job run") struct EventTriggerTests {
    private func trigger(_ json: JSONValue) throws -> EventTrigger {
        let schedule = try JobSchedule(["on": json])
        guard case .on(let trigger) = schedule.trigger else { throw CancellationError() }
        return trigger
    }

    @Test("Events are told from others by type, subject and stream")
    func matches() async throws {
        let events = try await withTestDatabase(.sqliteMemory, migrations: EventLog.migrations) { database in
            let log = EventLog(database)
            let context = EventContext(
                Principal(actor: "tester", workspace: .default), time: ManualClock().now, ids: UUIDGenerator())
            for (type, stream) in [
                ("order.placed", "7"), ("order.paid", "7"), ("orders.placed", "7"), ("order.placed", "8"),
            ] {
                let event = NewEvent(type, subject: stream == "7" ? "Zo\u{EB}" : nil)
                _ = try await log.append([event], to: StreamName("order", stream), context: context)
            }
            return try await log.readAll().events
        }
        let table: [(JSONValue, [Int])] = [
            ("order.placed", [0, 3]), ("order.*", [0, 1, 3]), ("orders.*", [2]), ("order.paid.late", []),
            (["type": "order.*", "subject": "Zo\u{EB}"], [0, 1]), (["type": "order.*", "subject": "Zoe\u{308}"], []),
            (["type": "order.placed", "stream_type": "order", "stream_id": "8"], [3]),
            (["type": "order.placed", "stream_type": "invoice"], []),
        ]
        for (json, places) in table {
            let trigger = try trigger(json)
            #expect(events.indices.filter { trigger.matches(events[$0]) } == places, "\(json)")
        }
    }

    @Test("The log is asked for as few as can be")
    func filters() throws {
        #expect(
            try trigger("order.placed").filter(in: .default)
                == EventFilter(workspace: .default, types: ["order.placed"]))
        #expect(try trigger("order.*").filter(in: .default) == EventFilter(workspace: .default))
        let stream = try trigger(["type": "order.*", "stream_type": "order", "stream_id": "7"]).filter(in: .default)
        #expect(stream.stream == StreamName("order", "7"))
    }
}
