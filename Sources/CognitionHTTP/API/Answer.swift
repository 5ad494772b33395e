package import CognitionCore
package import HTTPTypes
package import Hummingbird

/// What a handler answers.
package struct Answer: Sendable {
    package enum Content: Sendable {
        case none
        case bytes([UInt8], mediaType: String)
        /// Written piece by piece, as long as the client reads.
        case stream(mediaType: String, @concurrent @Sendable (inout any ResponseBodyWriter) async throws -> Void)
    }

    package var status: HTTPResponse.Status
    package var content: Content
    package var headers: HTTPFields

    package init(_ status: HTTPResponse.Status, _ content: Content = .none, headers: HTTPFields = [:]) {
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

    var response: Response {
        var headers = headers
        let body: ResponseBody
        switch content {
        case .none:
            body = ResponseBody()
        case .bytes(let bytes, let mediaType):
            headers[.contentType] = mediaType
            body = ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        case .stream(let mediaType, let write):
            headers[.contentType] = mediaType
            body = ResponseBody { writer in
                try await write(&writer)
                try await writer.finish(nil)
            }
        }
        return Response(status: status, headers: headers, body: body)
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
    package static func unavailable(_ type: any AnswerBody.Type, _ description: String) -> AnswerShape {
        AnswerShape(.serviceUnavailable, type, description)
    }
}
