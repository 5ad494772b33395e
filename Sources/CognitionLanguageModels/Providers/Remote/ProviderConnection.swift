import CognitionCore
import Synchronization

/// How long and how much a remote provider may answer.
package struct ProviderLimits: Sendable, Hashable {
    /// The whole attempt.
    package var total = Duration.seconds(600)
    /// Until the answer begins.
    package var firstByte = Duration.seconds(120)
    /// The longest silence in the middle of an answer.
    package var idle = Duration.seconds(60)
    /// Of one answer on the wire.
    package var answerBytesMax = 64 << 20
    /// Of one event.
    package var eventBytesMax = 1 << 20

    package init() {}
}

/// An answer that grows with what comes in.
protocol StreamedAnswer: Sendable {
    /// Whether the stream has said that it is at its end.
    var isComplete: Bool { get }
    /// What is known so far.
    var usage: Completion.Usage? { get }

    /// - Parameter hear: Gets each new piece of the text.
    /// - Throws: `LanguageModelError` or `StreamedFault`.
    mutating func take(_ event: JSONValue, hear: (String) -> Void) throws
    /// Takes the end of a stream that is marked by a text instead of JSON, such as `[DONE]`; `false` for another text.
    mutating func takeMark(_ text: String) -> Bool
    /// Takes an answer that came in one piece although a stream was asked for.
    mutating func takeWhole(_ answer: JSONValue, hear: (String) -> Void) throws
}

/// The exchange with a remote provider: sends JSON, reads a stream of events, and says what went wrong.
struct ProviderConnection: Sendable {
    let provider: String
    let url: String
    let http: any OutboundHTTP
    /// Never shown.
    let key: Secret?
    let headers: [(name: String, value: Secret)]
    /// Headers in which the provider names the request; the first that is there counts.
    let requestIDHeaders: [String]
    let limits: ProviderLimits
    let clock: any WallClock

    private static let errorBytesMax = 64 << 10

    /// What is known when a limit of time ends the exchange from outside.
    private struct Seen {
        var status: Int?
        var requestID: String?
        var usage: Completion.Usage?
    }

    /// - Returns: The complete answer, and what the provider calls the request.
    /// - Throws: `LanguageModelError` or `CancellationError`.
    func ask<Answer: StreamedAnswer>(
        _ body: JSONValue, into empty: Answer, observer: CompletionObserver
    ) async throws -> (answer: Answer, requestID: String?) {
        let request = OutboundRequest(
            method: "POST", url: url,
            headers: [
                (name: "Content-Type", value: "application/json"),
                (name: "Accept", value: "text/event-stream, application/json"),
            ] + headers.map { ($0.name, $0.value.reveal()) },
            body: body.jsonBytes, timeout: limits.total, bodyBytesMax: limits.answerBytesMax)
        let seen = Mutex(Seen())
        do {
            return try await http.stream(request, firstByteTimeout: limits.firstByte, idleTimeout: limits.idle) {
                stream in
                let requestID = requestIDHeaders.lazy.compactMap { stream.header($0) }.first.map {
                    String($0.prefix(128))
                }
                seen.withLock { $0 = Seen(status: stream.status, requestID: requestID) }
                guard stream.status == 200 else { throw try await refusal(stream, requestID: requestID) }
                let answer = try await read(stream, into: empty, observer: observer) { usage in
                    seen.withLock { $0.usage = usage }
                }
                return (answer, requestID)
            }
        } catch {
            throw explained(error, seen.withLock { $0 })
        }
    }

    // MARK: Answers

    private func read<Answer: StreamedAnswer>(
        _ stream: OutboundStream, into empty: Answer, observer: CompletionObserver,
        note: (Completion.Usage?) -> Void
    ) async throws -> Answer {
        var answer = empty
        let hear: (String) -> Void = { if !$0.isEmpty { observer.hear(.text($0)) } }
        let type = stream.header("content-type")?.lowercased() ?? ""
        if type.hasPrefix("application/json") {
            let bytes = try await whole(stream, bytesMax: limits.answerBytesMax)
            try answer.takeWhole(try json(bytes), hear: hear)
            note(answer.usage)
            return answer
        }
        guard type.hasPrefix("text/event-stream") else {
            throw bad("it answered with '\(type.prefix(64))' instead of events; is the base URL that of the API?")
        }
        var events = ServerSentEvents(eventBytesMax: limits.eventBytesMax, totalBytesMax: limits.answerBytesMax)
        for try await chunk in stream.chunks {
            for event in try events.feed(chunk) where !answer.isComplete {
                if answer.takeMark(event.data) { continue }
                try answer.take(try json(Array(event.data.utf8)), hear: hear)
            }
            note(answer.usage)
            // Who waits for the end of a stream that has said everything can only lose.
            if answer.isComplete { return answer }
        }
        throw bad("its stream ended in the middle of the answer.")
    }

    private func json(_ bytes: [UInt8]) throws -> JSONValue {
        do {
            return try bytes.withUnsafeBufferPointer { bytes throws(JSONParsingError) in
                try JSONValue(parsing: bytes, limits: JSONLimits(bytesMax: limits.answerBytesMax, depthMax: 128))
            }
        } catch {
            throw bad("it sent what is not JSON: \(error.message)")
        }
    }

    private func whole(_ stream: OutboundStream, bytesMax: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await chunk in stream.chunks {
            bytes += chunk.prefix(bytesMax - bytes.count)
            if bytes.count == bytesMax { break }
        }
        return bytes
    }

    // MARK: Failures

    private func bad(_ what: String) -> LanguageModelError {
        LanguageModelError(LanguageModelError.badAnswer, "\(provider) gave no usable answer: \(what)")
    }

    private func refusal(_ stream: OutboundStream, requestID: String?) async throws -> LanguageModelError {
        let bytes: [UInt8]
        do {
            bytes = try await whole(stream, bytesMax: Self.errorBytesMax)
        } catch is OutboundHTTPError {
            bytes = []  // the status says enough
        }
        let text = String(decoding: bytes, as: UTF8.self)
        // Proxies in front of a provider answer with pages of their own.
        let body = try? JSONValue(parsing: text)
        var fault = ProviderFault(status: stream.status, body: body, text: body == nil ? text : "")
        fault.retryAfter = RetryAfter.read(now: clock.now) { stream.header($0) }
        fault.shouldRetry = stream.header("x-should-retry").flatMap { Bool($0.lowercased()) }
        fault.requestID = requestID ?? body?["request_id"]?.stringValue
        return fault.error(provider: provider, hiding: key, status: stream.status)
    }

    private func explained(_ error: any Error, _ seen: Seen) -> any Error {
        var explained: LanguageModelError
        switch error {
        case let error as LanguageModelError: explained = error
        case let error as StreamedFault:
            explained = ProviderFault(streamed: error.body).error(
                provider: provider, hiding: key, status: seen.status ?? 200)
        case let error as ServerSentEvents.TooLarge:
            explained = bad("its stream exceeds \(error.bytesMax) bytes.")
            explained.advice = .fallBack
        case let error as OutboundHTTPError: explained = self.explained(error, hasBegun: seen.status == 200)
        default: return error
        }
        explained.status = explained.status ?? seen.status
        explained.providerRequestID = explained.providerRequestID ?? seen.requestID
        explained.usage = explained.usage ?? seen.usage
        return explained
    }

    private func explained(_ error: OutboundHTTPError, hasBegun: Bool) -> LanguageModelError {
        var (code, advice) = (LanguageModelError.providerUnavailable, LanguageModelError.Advice.retry(after: nil))
        switch error.code {
        case OutboundHTTPError.refused, OutboundHTTPError.circuitOpen, OutboundHTTPError.invalidURL,
            OutboundHTTPError.unsupported:
            advice = .fallBack
        case OutboundHTTPError.bodyTooLarge:
            code = LanguageModelError.badAnswer
            advice = .fallBack
        case OutboundHTTPError.reset, OutboundHTTPError.malformedResponse:
            if hasBegun { code = LanguageModelError.badAnswer }
        default: break
        }
        return LanguageModelError(
            code,
            "\(provider) " + (hasBegun ? "broke off: " : "cannot be asked: ")
                + ProviderFault.shown(error.message, hiding: key), advice: advice,
            cause: error)
    }
}

/// An `error` that came inside a stream.
struct StreamedFault: Error {
    /// The event.
    var body: JSONValue
}

extension ProviderConnection {
    /// A base URL without slashes at its end.
    static func trimmed(_ baseURL: String) -> String {
        var url = baseURL
        while url.hasSuffix("/") { url.removeLast() }
        return url
    }

    /// For providers that do not tell; a quarter of the UTF-8 bytes, rounded up.
    static func estimatedTokens(_ bytes: Int) -> Int { (bytes + 3) / 4 }
}
