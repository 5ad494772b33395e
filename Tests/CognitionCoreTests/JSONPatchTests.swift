import CognitionCore
import Testing

@Suite("JSON patches") struct JSONPatchTests {
    @Test(
        "A patch tells what is added, removed and replaced",
        arguments: [
            ("{\"a\":1}", "{\"a\":1}", "[]"),
            ("{\"a\":1}", "{\"a\":2}", #"[{"op":"replace","path":"/a","value":2}]"#),
            ("{\"a\":{\"b/~\":1,\"c\":2}}", "{\"a\":{\"c\":2}}", #"[{"op":"remove","path":"/a/b~1~0"}]"#),
            ("{}", "{\"a\":null}", #"[{"op":"add","path":"/a","value":null}]"#),
            ("[1,2,3]", "[1,5]", #"[{"op":"replace","path":"/1","value":5},{"op":"remove","path":"/2"}]"#),
            ("[1]", "[1,2,3]", #"[{"op":"add","path":"/-","value":2},{"op":"add","path":"/-","value":3}]"#),
            (
                "[1,2,3,4]", "[1]",
                #"[{"op":"remove","path":"/3"},{"op":"remove","path":"/2"},{"op":"remove","path":"/1"}]"#
            ),
            ("{\"a\":[]}", "7", #"[{"op":"replace","path":"","value":7}]"#),
        ])
    func operations(before: String, after: String, patch: String) throws {
        let (old, new) = (try JSONValue(parsing: Array(before.utf8)), try JSONValue(parsing: Array(after.utf8)))
        #expect(JSONValue.array(old.patch(to: new)).jsonText == patch)
    }
}
