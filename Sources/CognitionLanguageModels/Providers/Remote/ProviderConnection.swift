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
    /// What was used so far, as told or estimated; `nil` while it is not known that anything was.
    /// - Parameter requestBytes: Of what was asked.
    func usageSoFar(requestBytes: Int) -> Completion.Usage?

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
    /// - Throws: `LanguageModelError`; `CancellationError` when it is cancelled before the answer has begun. After that
    ///   a cancelled exchange ends with `llm.timeout`, which tells what it has used.
    func ask<Answer: StreamedAnswer>(
        _ body: JSONValue, into empty: Answer, observer: CompletionObserver
    ) async throws -> (answer: Answer, requestID: String?) {
        let bytes = body.jsonBytes
        let request = OutboundRequest(
            method: "POST", url: url,
            headers: [
                (name: "Content-Type", value: "application/json"),
                (name: "Accept", value: "text/event-stream, application/json"),
            ] + headers.map { ($0.name, $0.value.reveal()) },
            body: bytes, timeout: limits.total, bodyBytesMax: limits.answerBytesMax)
        let seen = Mutex(Seen())
        do {
            return try await http.stream(request, firstByteTimeout: limits.firstByte, idleTimeout: limits.idle) {
                stream in
                let requestID = requestIDHeaders.lazy.compactMap { stream.header($0) }.first.map {
                    String($0.prefix(128))
                }
                seen.withLock { $0 = Seen(status: stream.status, requestID: requestID) }
                guard stream.status == 200 else { throw try await refusal(stream, requestID: requestID) }
                let answer = try await read(stream, into: empty, observer: observer) { answer in
                    seen.withLock { $0.usage = answer.usageSoFar(requestBytes: bytes.count) }
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
        note: (Answer) -> Void
    ) async throws -> Answer {
        var answer = empty
        let hear: (String) -> Void = { if !$0.isEmpty { observer.hear(.text($0)) } }
        let type = stream.header("content-type")?.lowercased() ?? ""
        if type.hasPrefix("application/json") {
            let bytes = try await whole(stream, bytesMax: limits.answerBytesMax)
            // What was used is noted before an error leaves: it is billed all the same.
            defer { note(answer) }
            try answer.takeWhole(try json(bytes), hear: hear)
            return answer
        }
        guard type.hasPrefix("text/event-stream") else {
            throw bad("it answered with '\(type.prefix(64))' instead of events; is the base URL that of the API?")
        }
        var events = ServerSentEvents(eventBytesMax: limits.eventBytesMax, totalBytesMax: limits.answerBytesMax)
        for try await chunk in stream.chunks {
            defer { note(answer) }
            for event in try events.feed(chunk) where !answer.isComplete {
                if answer.takeMark(event.data) { continue }
                try answer.take(try json(Array(event.data.utf8)), hear: hear)
            }
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
        case let error as CancellationError where seen.status != nil: explained = endedFromOutside(cause: error)
        default: return error
        }
        return explained.of(usage: seen.usage, requestID: seen.requestID, status: seen.status)
    }

    /// Nobody waits for the answer any more, but it may have cost something; `CancellationError` could not say so.
    func endedFromOutside(
        usage: Completion.Usage? = nil, requestID: String? = nil, cause: CancellationError
    ) -> LanguageModelError {
        LanguageModelError(
            LanguageModelError.timeout, "\(provider) was not waited for any longer.", usage: usage,
            providerRequestID: requestID, cause: cause)
    }

    private func explained(_ error: OutboundHTTPError, hasBegun: Bool) -> LanguageModelError {
        var (code, advice) = (LanguageModelError.providerUnavailable, LanguageModelError.Advice.retry(after: nil))
        switch error.code {
        case _ where error.isLocal: advice = .fallBack
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

extension LanguageModelError {
    /// This error with what is known of the exchange, where it does not say so itself.
    func of(usage: Completion.Usage?, requestID: String?, status: Int?) -> LanguageModelError {
        var error = self
        error.usage = error.usage ?? usage
        error.providerRequestID = error.providerRequestID ?? requestID
        error.status = error.status ?? status
        return error
    }
}

extension OutboundHTTPError {
    /// Whether our own client refused, so that the provider was not asked and repeating at once brings nothing.
    var isLocal: Bool {
        [Self.refused, Self.circuitOpen, Self.invalidURL, Self.overloaded, Self.unsupported].contains(code)
    }
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
