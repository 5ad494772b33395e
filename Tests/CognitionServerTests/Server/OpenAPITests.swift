import CognitionCore
import CognitionTestSupport
import Foundation
import Testing

extension ServerTests {
    @Suite("OpenAPI") struct OpenAPITests {
        @Test("The document is one by the judgment of openapi-spec-validator")
        func validates() async throws {
            let server = try LiveServer.current
            let file = try server.sandbox.file("openapi.json", server.contract.document.jsonText)
            let script = Binary.repository() + "/Tests/CognitionServerTests/Peer/check_openapi.py"
            let program = try server.sandbox.start([script, file], executable: PeerPython.path)
            let ending = await program.ending()
            #expect(ending.exitCode == 0, "\(ending.output)\(ending.errors)")
            #expect(ending.output.hasPrefix("valid"))
        }

        @Test("Every example in the document fits the schema beside it")
        func examples() throws {
            let contract = try LiveServer.current.contract
            var count = 0
            func walk(_ value: JSONValue, _ place: String) {
                if case .object(let members) = value {
                    if let schema = members["schema"], let example = members["example"] {
                        count += 1
                        let faults = contract.faults(in: example, by: schema)
                        #expect(faults.isEmpty, "\(place)")
                    }
                    for (name, member) in members where name != "example" { walk(member, "\(place)/\(name)") }
                } else if case .array(let items) = value {
                    for (index, item) in items.enumerated() { walk(item, "\(place)/\(index)") }
                }
            }
            walk(contract.document, "")
            #expect(count > 30)
        }

        @Test("Every schema says what it is of, refers only to what is there, and takes no number for a text")
        func schemas() throws {
            let contract = try LiveServer.current.contract
            let schemas = try #require(contract.document["components"]?["schemas"]?.objectValue)
            // A signal's data may be anything.
            for (name, _) in schemas where name != "SignalRequest" {
                let reference: JSONValue = ["$ref": .string("#/components/schemas/\(name)")]
                for wrong in [1, "x", [], true] as [JSONValue] {
                    #expect(!contract.faults(in: wrong, by: reference).isEmpty, "\(name) takes \(wrong)")
                }
            }
        }

        @Test("Operations have names of their own, a summary, and say who may call them")
        func operations() throws {
            let document = try LiveServer.current.contract.document
            var names: Set<String> = []
            for (path, operations) in document["paths"]?.objectValue ?? [:] {
                for (method, operation) in operations.objectValue ?? [:] {
                    let place = "\(method) \(path)"
                    #expect(names.insert(try operation.text("operationId")).inserted, "\(place)")
                    #expect(
                        operation["summary"]?.stringValue?.isEmpty == false && operation["security"] != nil, "\(place)")
                    #expect(
                        operation["responses"]?.objectValue?.keys.contains { $0.hasPrefix("2") } == true, "\(place)")
                }
            }
        }
    }
}
