import CognitionCore
import Testing

extension ServerTests {
    @Suite("Schemas of events over HTTP") struct EventSchemaTests {
        private static let path = "events/types/order.placed/schemas/1"
        private static let order: JSONValue = [
            "type": "object", "required": ["total"],
            "properties": [
                "total": ["type": "number", "minimum": 0], "note": ["type": "string", "pattern": "^[a-z]+$"],
            ],
        ]

        @Test("A schema is set, compared, listed and deleted; what does not fit it is refused with its place")
        func life() async throws {
            let user = try await LiveServer.current.newUser()
            (try await user.get(Self.path)).expectProblem(404, "event.schema_unknown")
            let made = try await user.put(Self.path, ["schema": Self.order])
            #expect(made.status == 201 && made.json["revision"] == 1 && made.json["compatibility"] == "full", "\(made)")
            #expect(try await user.put(Self.path, ["schema": Self.order]).status == 200)

            let stream = "streams/order/1"
            let refused = try await user.post(
                stream, ["events": [["type": "order.placed", "data": ["total": -1, "note": "A"]]]])
            refused.expectProblem(400, "event.schema_violated")
            let places = refused.json["faults"]?.arrayValue?.map { $0["pointer"] }
            #expect(places == ["/total", "/note"] || places == ["/note", "/total"], "\(refused)")
            #expect(try await user.get(stream).status == 404)
            let taken = try await user.post(
                stream, ["events": [["type": "order.placed", "data": ["total": 1]], ["type": "order.paid"]]])
            #expect(taken.status == 201)

            var changed = Self.order.objectValue ?? [:]
            changed["required"] = []
            let loose = try await user.put(Self.path, ["schema": .object(changed)])
            loose.expectProblem(409, "event.schema_incompatible")
            #expect(loose.json["faults"]?[0]?["reason"] == "required_property_removed")
            #expect(loose.json["faults"]?[0]?["pointer"] == "/total")
            let revised = try await user.put(Self.path, ["schema": .object(changed), "compatibility": "backward"])
            #expect(revised.status == 200 && revised.json["revision"] == 2, "\(revised)")
            changed["properties"] = ["total": ["type": "integer"]]
            let narrow = try await user.put(Self.path, ["schema": .object(changed)])
            narrow.expectProblem(409, "event.schema_incompatible")
            #expect(
                narrow.json["faults"]?.arrayValue?.contains { $0["reason"] == "type_narrowed" } == true, "\(narrow)")

            let list = try await user.all("events/schemas?type=order.placed", limit: 10)
            #expect(list.map { $0["revision"] } == [2])
            #expect(try await user.delete(Self.path).status == 204)
            #expect(
                try await user.post(stream, ["events": [["type": "order.placed", "data": ["total": "x"]]]]).status
                    == 201)
            (try await user.delete(Self.path)).expectProblem(404, "event.schema_unknown")
        }

        @Test("What is no schema is refused, and others do not see it")
        func refusals() async throws {
            let server = try await LiveServer.current
            let (user, other) = (try await server.newUser(), try await server.newUser())
            (try await user.put(Self.path, ["schema": ["type": "money"]])).expectProblem(400, "schema.invalid")
            (try await user.put(Self.path, ["schema": ["$ref": "https://example.org/order"]]))
                .expectProblem(422, "schema.unsupported")
            (try await user.put("events/types/order/schemas/1", ["schema": [:]])).expectProblem(400, "event.invalid")
            #expect(try await user.put("events/types/order.placed/schemas/0", ["schema": [:]]).status == 400)
            #expect(try await user.put(Self.path, ["schema": false]).status == 201)
            #expect(try await other.get(Self.path).status == 404)
            #expect(try await other.post("streams/order/1", ["events": [["type": "order.placed"]]]).status == 201)
            (try await user.post("streams/order/1", ["events": [["type": "order.placed"]]]))
                .expectProblem(400, "event.schema_violated")
        }
    }
}
