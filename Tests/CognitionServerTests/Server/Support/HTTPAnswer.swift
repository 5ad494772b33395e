import CognitionCore
import Testing

/// An answer as it came.
struct HTTPAnswer: Sendable, CustomStringConvertible {
    let status: Int
    /// Names in lower case.
    let headers: [(name: String, value: String)]
    var body: [UInt8] = []

    init(status: Int, headers: [(name: String, value: String)]) {
        self.status = status
        self.headers = headers
    }

    /// The first header of this name, in lower case.
    subscript(_ header: String) -> String? { headers.first { $0.name == header }?.value }

    var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as JSON; `null` when it is none.
    var json: JSONValue {
        // Whoever looks for a member sees that there is none, and the description shows the body.
        (try? JSONValue(parsing: body)) ?? .null
    }

    /// The `code` of a problem document.
    var code: String? { json["code"]?.stringValue }

    var mediaType: String? { self["content-type"]?.split(separator: ";").first?.lowercased() }

    var description: String { "\(status) \(headers.map { "\($0.name): \($0.value)" }) \(text.prefix(1_000))" }

    /// The answer is a problem document with everything that one has.
    func expectProblem(
        _ status: Int, _ code: String? = nil, _ comment: Comment? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let shown: Comment = "\(comment?.rawValue ?? ""): \(self)"
        #expect(self.status == status, shown, sourceLocation: sourceLocation)
        if let code { #expect(self.code == code, shown, sourceLocation: sourceLocation) }
        #expect(mediaType == "application/problem+json", shown, sourceLocation: sourceLocation)
        for member in ["type", "title", "detail", "code", "request_id"] {
            #expect(json[member]?.stringValue?.isEmpty == false, "\(member): \(shown)", sourceLocation: sourceLocation)
        }
        #expect(json["status"]?.integerValue == Int64(self.status), shown, sourceLocation: sourceLocation)
        #expect(json["request_id"]?.stringValue == self["x-request-id"], shown, sourceLocation: sourceLocation)
        if self.status == 401 {
            #expect(self["www-authenticate"]?.hasPrefix("Bearer ") == true, shown, sourceLocation: sourceLocation)
        }
    }
}
