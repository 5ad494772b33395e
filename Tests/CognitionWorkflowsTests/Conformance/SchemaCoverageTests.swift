import CognitionCore
import CognitionDocuments
import CognitionWorkflows
import Testing

/// The reader knows every member that the standard's schema has, in every definition that is supported.
@Suite("Schema of the DSL") struct SchemaCoverageTests {
    /// A definition of the schema, and a document in which its members stand where `MEMBER` does.
    private static let places: [(pointer: String, document: String)] = [
        ("/properties/document", "document: {MEMBER: null}\ndo: []"),
        ("/properties/use", head + "use: {MEMBER: null}\ndo: []"),
        ("/$defs/taskBase", task("set: {x: 1}, MEMBER: null")),
        ("/$defs/callTask/oneOf/2/allOf/1/properties/with", task("call: http, with: {MEMBER: null}")),
        ("/$defs/callTask/oneOf/6/allOf/1", task("call: echo, MEMBER: null")),
        ("/$defs/forkTask/allOf/1/properties/fork", task("fork: {MEMBER: null}")),
        ("/$defs/forTask/allOf/1", task("for: {in: '[]'}, MEMBER: null")),
        ("/$defs/forTask/allOf/1/properties/for", task("for: {MEMBER: null}, do: []")),
        ("/$defs/raiseTask/allOf/1/properties/raise", task("raise: {MEMBER: null}")),
        ("/$defs/runTask/allOf/1/properties/run", task("run: {workflow: {namespace: n, name: n}, MEMBER: null}")),
        (
            "/$defs/runTask/allOf/1/properties/run/oneOf/3/properties/workflow", task("run: {workflow: {MEMBER: null}}")
        ),
        (
            "/$defs/switchTask/allOf/1/properties/switch/items/additionalProperties",
            task("switch: [{c: {MEMBER: null}}]")
        ),
        ("/$defs/tryTask/allOf/1", task("try: [], MEMBER: null")),
        ("/$defs/tryTask/allOf/1/properties/catch", task("try: [], catch: {MEMBER: null}")),
        ("/$defs/tryTask/allOf/1/properties/catch/properties/errors", task("try: [], catch: {errors: {MEMBER: null}}")),
        ("/$defs/errorFilter", task("try: [], catch: {errors: {with: {MEMBER: null}}}")),
        ("/$defs/retryPolicy", task("try: [], catch: {retry: {MEMBER: null}}")),
        ("/$defs/retryPolicy/properties/backoff", task("try: [], catch: {retry: {backoff: {MEMBER: null}}}")),
        ("/$defs/retryPolicy/properties/limit", task("try: [], catch: {retry: {limit: {MEMBER: null}}}")),
        (
            "/$defs/retryPolicy/properties/limit/properties/attempt",
            task("try: [], catch: {retry: {limit: {attempt: {MEMBER: null}}}}")
        ),
        ("/$defs/retryPolicy/properties/jitter", task("try: [], catch: {retry: {jitter: {MEMBER: null}}}")),
        ("/$defs/error", task("raise: {error: {MEMBER: null}}")),
        ("/$defs/endpoint/oneOf/2", task("call: http, with: {method: get, endpoint: {MEMBER: null}}")),
        (
            "/$defs/authenticationPolicy",
            task("call: http, with: {method: get, endpoint: {uri: 'http://x', authentication: {MEMBER: null}}}")
        ),
        ("/$defs/duration/oneOf/0", task("wait: {MEMBER: null}")),
        ("/$defs/timeout", task("set: {x: 1}, timeout: {MEMBER: null}")),
        ("/$defs/input", task("set: {x: 1}, input: {MEMBER: null}")),
        ("/$defs/output", task("set: {x: 1}, output: {MEMBER: null}")),
        ("/$defs/export", task("set: {x: 1}, export: {MEMBER: null}")),
        ("/$defs/schema", task("set: {x: 1}, input: {schema: {MEMBER: null}}")),
        ("/$defs/externalResource", task("set: {x: 1}, input: {schema: {resource: {MEMBER: null}}}")),
        ("/$defs/extension", head + "use: {extensions: [{e: {MEMBER: null}}]}\ndo: []"),
        ("/$defs/catalog", head + "use: {catalogs: {c: {MEMBER: null}}}\ndo: []"),
    ]

    private static let head = "document: {dsl: 1.0.3, namespace: test, name: sample, version: 0.1.0}\n"

    private static func task(_ members: String) -> String { head + "do: [{a: {\(members)}}]" }

    @Test("No member of the schema is unknown to the reader, and one that is not in it is")
    func members() throws {
        let folder = try SharedData.folder("serverless-workflow/schema")
        let schema = try PositionedDocument(yaml: try SharedData.text(folder, "workflow.yaml")).value
        for (pointer, document) in Self.places {
            let definition = try #require(JSONPointer(pointer).flatMap(schema.at), "\(pointer)")
            let members = Self.members(of: definition)
            #expect(!members.isEmpty, "\(pointer)")
            for member in members {
                let found = try faults(in: document.replacing("MEMBER", with: member))
                #expect(
                    !found.contains { $0.message.contains("unknown member '\(member)'") },
                    "\(pointer) \(member): \(found)")
            }
            let found = try faults(in: document.replacing("MEMBER", with: "noSuchMember"))
            #expect(found.contains { $0.message.contains("noSuchMember") }, "\(pointer): \(found)")
        }
    }

    /// The names of `properties`, those of alternatives included.
    private static func members(of definition: JSONValue) -> Set<String> {
        var names = Set(definition["properties"]?.objectValue?.keys ?? [])
        for keyword in ["oneOf", "allOf", "anyOf"] {
            for part in definition[keyword]?.arrayValue ?? [] { names.formUnion(members(of: part)) }
        }
        return names
    }
}
