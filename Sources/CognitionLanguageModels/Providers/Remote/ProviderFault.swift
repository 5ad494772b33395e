import CognitionCore

/// What a provider gave as the reason of its failure, and what that means here.
///
/// Sources: the error tables of the OpenAI and Anthropic APIs, and what their Python clients do with them.
struct ProviderFault: Sendable {
    /// Of HTTP.
    var status: Int
    /// Whatever names the reason, e.g. `rate_limit_error` or `insufficient_quota`.
    var names: Set<String> = []
    var message = ""
    var retryAfter: Duration?
    /// What `x-should-retry` says.
    var shouldRetry: Bool?
    var requestID: String?

    static let messageCharactersMax = 500

    /// - Parameters:
    ///   - status: Of the answer; an error that comes inside a good answer has the status that its type stands for.
    ///   - body: `{"error": {message, type, code, …}}`; anything else is shown as text.
    init(status: Int, body: JSONValue?, text: String = "") {
        self.status = status
        let error = body?["error"] ?? body
        let named = [error?["type"], error?["code"], error?["details"]?["error_code"], body?["code"]]
        names = Set(named.compactMap { $0?.stringValue?.lowercased() })
        message = error?["message"]?.stringValue ?? error?.stringValue ?? body?["message"]?.stringValue ?? text
    }

    /// An `error` in the middle of a stream.
    init(streamed body: JSONValue) {
        self.init(status: 500, body: body)
        status = ProviderFault.statuses.first { names.contains($0.name) }?.status ?? 500
    }

    private static let statuses: [(name: String, status: Int)] = [
        ("rate_limit_exceeded", 429), ("invalid_request_error", 400), ("authentication_error", 401),
        ("billing_error", 402), ("permission_error", 403), ("not_found_error", 404), ("request_too_large", 413),
        ("rate_limit_error", 429), ("timeout_error", 504), ("overloaded_error", 529),
    ]

    /// - Parameters:
    ///   - provider: Its name, for the message.
    ///   - key: Never shown, should the provider repeat it.
    func error(provider: String, hiding key: Secret?, status shown: Int) -> LanguageModelError {
        let (code, usual) = kind
        var advice = usual
        switch (shouldRetry, usual) {
        case (_?, _) where code == LanguageModelError.billing: break
        case (true?, .never), (true?, .fallBack): advice = .retry(after: retryAfter)
        case (false?, .retry): advice = .fallBack
        default: break
        }
        let said = ProviderFault.shown(message, hiding: key)
        return LanguageModelError(
            code, "\(provider) answered \(status)" + (said.isEmpty ? "." : ": \(said)"), advice: advice,
            providerRequestID: requestID, status: shown)
    }

    private var kind: (ErrorCode, LanguageModelError.Advice) {
        let text = message.lowercased()
        if status == 402 || !names.isDisjoint(with: ProviderFault.billingNames)
            || names.contains(where: { $0.hasSuffix("_spend_limit_exceeded") })
            || text.contains("credit balance is too low")
        {
            return (LanguageModelError.billing, .fallBack)
        }
        if status == 413 || names.contains("context_length_exceeded") || text.contains("prompt is too long")
            || text.contains("maximum context length") || text.contains("exceed context limit")
            || text.contains("context window")
        {
            return (LanguageModelError.contextTooLong, .fallBack)
        }
        if !names.isDisjoint(with: ["content_policy_violation", "content_filter"]) {
            return (LanguageModelError.refused, .never)
        }
        switch status {
        case 401, 403, 407: return (LanguageModelError.authentication, .fallBack)
        case 429: return (LanguageModelError.rateLimited, .retry(after: retryAfter))
        case 408, 409, 500...: return (LanguageModelError.providerUnavailable, .retry(after: retryAfter))
        case _ where names.contains("model_not_found") || status == 404:
            return (LanguageModelError.unknownModel, .fallBack)
        case 400, 422:
            let cannot =
                !names.isDisjoint(with: ["unsupported_parameter", "unsupported_value"])
                || text.contains("not supported") || text.contains("does not support")
            return cannot
                ? (LanguageModelError.unsupported, .fallBack) : (LanguageModelError.requestInvalid, .never)
        case 400...: return (LanguageModelError.requestInvalid, .never)
        default: return (LanguageModelError.providerUnavailable, .fallBack)  // a redirect: not the API's address
        }
    }

    private static let billingNames: Set<String> = [
        "credit_balance_exhausted", "organization_usage_limit_exceeded", "insufficient_quota", "billing_error",
        "billing_not_active", "billing_hard_limit_reached", "enforced_spend_limit_reached",
    ]

    /// One short line without secrets and control characters.
    static func shown(_ text: String, hiding key: Secret?) -> String {
        var text = text
        if let key, !key.isEmpty { text = text.replacing(key.reveal(), with: Secret.mask) }
        // Providers repeat parts of a wrong key, e.g. `sk-proj-****1234`.
        text = text.replacing(#/\bsk-[^\s"'<>]{5,}/#, with: Secret.mask)
        let words = text.unicodeScalars.split { $0.properties.isWhitespace || $0.value < 0x20 || $0.value == 0x7F }
        let line = words.lazy.map { String($0) }.joined(separator: " ")
        return line.count <= messageCharactersMax ? line : line.prefix(messageCharactersMax) + "…"
    }
}
