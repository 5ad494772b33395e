import CognitionCore
import HTTPTypes
import Hummingbird

/// How an answer is written for who asks: not at all when they have it, and compressed when they take that.
struct AnswerWriter: Sendable {
    /// Longer ones would keep a thread busy for too long.
    private static let compressedBytesMax = 4 << 20

    /// Bodies of so many bytes or more are compressed; `nil` for none.
    let compressesFrom: Int?

    init(compressesFrom: Int?) { self.compressesFrom = compressesFrom }

    func response(_ answer: Answer, to request: Request) -> Response {
        var headers = answer.headers
        let isCompressible = isCompressible(answer)
        if isCompressible { headers.addVary("Accept-Encoding") }
        if let tag = answer.entityTag {
            headers[.eTag] = tag.text
            if let known = request.headers[.ifNoneMatch], tag.isNamed(by: known) {
                var response = Response(status: .notModified, headers: headers)
                // A length would be taken for that of what the client has.
                response.headers[.contentLength] = nil
                return response
            }
        }
        switch answer.content {
        case .none: return Response(status: answer.status, headers: headers)
        case .bytes(let bytes, let mediaType):
            headers[.contentType] = mediaType
            let compressed = isCompressible && takesGzip(request) ? Gzip.compressed(bytes) : nil
            return response(answer.status, headers, bytes, compressed)
        case .file(let file):
            headers[.contentType] = file.mediaType
            let compressed = isCompressible && takesGzip(request) ? file.compressed : nil
            return response(answer.status, headers, file.bytes, compressed)
        case .stream(let mediaType, let write):
            headers[.contentType] = mediaType
            return Response(
                status: answer.status, headers: headers,
                body: ResponseBody { writer in
                    try await write(&writer)
                    try await writer.finish(nil)
                })
        }
    }

    private func response(
        _ status: HTTPResponse.Status, _ headers: consuming HTTPFields, _ bytes: [UInt8], _ compressed: [UInt8]?
    ) -> Response {
        if compressed != nil { headers[.contentEncoding] = "gzip" }
        return Response(
            status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: compressed ?? bytes)))
    }

    /// Streams are not, as whoever follows one wants each piece when it comes; nor what holds secrets, whose length would
    /// tell of them once it is compressed together with what somebody else has chosen (BREACH).
    private func isCompressible(_ answer: Answer) -> Bool {
        guard let compressesFrom, !answer.holdsSecrets else { return false }
        return switch answer.content {
        case .bytes(let bytes, _): bytes.count >= compressesFrom && bytes.count <= Self.compressedBytesMax
        case .file(let file): file.bytes.count >= compressesFrom
        case .none, .stream: false
        }
    }

    private func takesGzip(_ request: Request) -> Bool {
        AcceptedCodings(request.headers[.acceptEncoding]).prefersGzip
    }
}
