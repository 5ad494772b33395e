import CognitionCore
package import HTTPTypes
import Hummingbird

/// What a handler answers.
package struct Answer: Sendable {
    enum Content: Sendable {
        case none
        case bytes([UInt8], mediaType: String)
        case file(StaticFile)
        /// Written piece by piece, as long as the client reads.
        case stream(mediaType: String, @concurrent @Sendable (inout any ResponseBodyWriter) async throws -> Void)
    }

    package var status: HTTPResponse.Status
    var content: Content
    package var headers: HTTPFields
    /// Of an answer that clients may ask for again on the condition that it has changed.
    var entityTag: EntityTag?
    /// It says what nobody else may know.
    var holdsSecrets = false

    init(_ status: HTTPResponse.Status, _ content: Content = .none, headers: HTTPFields = [:]) {
        self.status = status
        self.content = content
        self.headers = headers
    }

    package static let json = "application/json"

    package static func ok(_ body: some AnswerBody) -> Answer {
        Answer(.ok, .bytes(body.json.jsonBytes, mediaType: json))
    }
    package static func created(_ body: some AnswerBody) -> Answer {
        Answer(.created, .bytes(body.json.jsonBytes, mediaType: json))
    }
    package static func accepted(_ body: some AnswerBody) -> Answer {
        Answer(.accepted, .bytes(body.json.jsonBytes, mediaType: json))
    }
    /// JSON that is encoded already.
    package static func ok(json bytes: [UInt8]) -> Answer { Answer(.ok, .bytes(bytes, mediaType: json)) }
    package static let noContent = Answer(.noContent)

    /// A file of the program, which changes with it only.
    static func file(_ file: StaticFile, headers: HTTPFields = [:]) -> Answer {
        var answer = Answer(.ok, .file(file), headers: headers)
        answer.entityTag = file.entityTag
        answer.headers[.cacheControl] = "no-cache"
        return answer
    }
}

/// One of the answers that a route declares.
package struct AnswerShape: Sendable {
    let status: HTTPResponse.Status
    let description: String
    /// Media type and, for JSON, its shape.
    let contents: [(mediaType: String, type: (any AnswerBody.Type)?)]

    private init(_ status: HTTPResponse.Status, _ type: any AnswerBody.Type, _ description: String) {
        self.init(status, description, [(Answer.json, type)])
    }

    private init(
        _ status: HTTPResponse.Status, _ description: String,
        _ contents: [(mediaType: String, type: (any AnswerBody.Type)?)]
    ) {
        self.status = status
        self.description = description
        self.contents = contents
    }

    package static func ok(_ type: any AnswerBody.Type, _ description: String = "Done.") -> AnswerShape {
        AnswerShape(.ok, type, description)
    }
    package static func created(_ type: any AnswerBody.Type, _ description: String = "Created.") -> AnswerShape {
        AnswerShape(.created, type, description)
    }
    package static func accepted(_ type: any AnswerBody.Type, _ description: String) -> AnswerShape {
        AnswerShape(.accepted, type, description)
    }
    package static let noContent = noContent("Done; there is nothing to say.")
    package static func noContent(_ description: String) -> AnswerShape { AnswerShape(.noContent, description, []) }
    /// Something else than JSON.
    package static func ok(mediaType: String, _ description: String) -> AnswerShape {
        AnswerShape(.ok, description, [(mediaType, nil)])
    }
    /// JSON or, when the client asks for it, server-sent events.
    package static func okOrEvents(_ type: any AnswerBody.Type, _ description: String) -> AnswerShape {
        AnswerShape(.ok, description, [(Answer.json, type), ("text/event-stream", nil)])
    }
    package static let notModified = AnswerShape(.notModified, "It is still what `If-None-Match` names.", [])
    package static func unavailable(_ type: any AnswerBody.Type, _ description: String) -> AnswerShape {
        AnswerShape(.serviceUnavailable, type, description)
    }
}
