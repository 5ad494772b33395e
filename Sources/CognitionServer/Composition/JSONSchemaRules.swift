import CognitionCore
import CognitionDocuments
import CognitionEvents
import CognitionExpressions
import Synchronization

/// What the registry of events' schemas asks of JSON Schema. Compiled schemas are kept, a bounded number.
final class JSONSchemaRules: EventSchemaRules {
    private static let compiledMax = 256

    private let compiled = Mutex<[SHA256Digest: JSONSchema]>([:])

    func check(_ schema: JSONValue) throws { _ = try JSONSchema(schema, patterns: RegularExpression.test) }

    func breaks(old: JSONValue, new: JSONValue, _ compatibility: EventSchema.Compatibility) -> [EventFault] {
        let breaks = SchemaCompatibility.breaks(
            old: old, new: new, backward: [.backward, .full].contains(compatibility),
            forward: [.forward, .full].contains(compatibility))
        return breaks.map { EventFault(pointer: $0.pointer, reason: $0.reason.rawValue, message: $0.message) }
    }

    func faults(in data: JSONValue, by schema: EventSchema) throws -> [EventFault] {
        let known = compiled.withLock { $0[schema.hash] }
        let ready = try known ?? JSONSchema(schema.schema, patterns: RegularExpression.test)
        if known == nil {
            compiled.withLock { compiled in
                // Those that are in use come back at once.
                if compiled.count >= Self.compiledMax { compiled.removeAll() }
                compiled[schema.hash] = ready
            }
        }
        return ready.faults(in: data).map { EventFault(pointer: $0.instance, message: $0.message) }
    }
}
