import CognitionCore
import CognitionDocuments
import CognitionEvents
import CognitionExpressions
import Synchronization

/// What the registry of events' schemas asks of JSON Schema. Compiled schemas are kept, up to a number and a size.
final class JSONSchemaRules: EventSchemaRules {
    private static let compiledMax = 256
    /// Bytes of the schemas' JSON; compiled they take some times as much.
    private static let compiledBytesMax = 4 << 20

    private struct Compiled {
        var schemas: [SHA256Digest: JSONSchema] = [:]
        var bytes = 0
    }

    private let compiled = Mutex(Compiled())

    func check(_ schema: JSONValue) throws { _ = try JSONSchema(schema, patterns: RegularExpression.test) }

    func breaks(old: JSONValue, new: JSONValue, _ compatibility: EventSchema.Compatibility) -> [EventFault] {
        let breaks = SchemaCompatibility.breaks(
            old: old, new: new, backward: [.backward, .full].contains(compatibility),
            forward: [.forward, .full].contains(compatibility))
        return breaks.map { EventFault(pointer: $0.pointer, reason: $0.reason.rawValue, message: $0.message) }
    }

    func test(of hash: SHA256Digest) -> EventDataTest? {
        compiled.withLock { $0.schemas[hash] }.map(Self.test(by:))
    }

    func test(of schema: EventSchema) throws -> EventDataTest {
        let ready = try JSONSchema(schema.schema, patterns: RegularExpression.test)
        let bytes = schema.schema.jsonBytes.count
        compiled.withLock { compiled in
            guard compiled.schemas[schema.hash] == nil else { return }
            // Those that are in use come back at once.
            if compiled.schemas.count >= Self.compiledMax || compiled.bytes + bytes > Self.compiledBytesMax {
                compiled = Compiled()
            }
            compiled.schemas[schema.hash] = ready
            compiled.bytes += bytes
        }
        return Self.test(by: ready)
    }

    private static func test(by schema: JSONSchema) -> EventDataTest {
        { data in schema.faults(in: data).map { EventFault(pointer: $0.instance, message: $0.message) } }
    }
}
