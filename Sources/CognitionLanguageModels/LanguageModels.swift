package import CognitionCore
package import Metrics

/// Who answers, at what price: picks the provider that a request names, or the default; tries again and goes on to others
/// where that helps; and tells what every attempt was and cost.
///
/// Sources of the rules: the providers' own documentation of errors and the behaviour of their official clients. Retries
/// live here only; providers make one attempt each.
package struct LanguageModels: Sendable {
    /// Says what is wrong with a value by a JSON Schema, or `nil` when it satisfies the schema.
    /// Throws when the schema itself is wrong.
    package typealias SchemaCheck = @Sendable (_ schema: JSONValue, _ value: JSONValue) throws -> String?

    package struct Settings: Sendable {
        /// For a whole request, with all its attempts and pauses.
        package var timeout = Duration.seconds(600)
        /// At each provider, after the first attempt; 0 for none.
        package var retriesMax = 2
        /// A provider that asks to be left alone for longer is not waited for.
        package var retryAfterMax = Duration.seconds(60)
        /// For each provider and model.
        package var circuit = CircuitBreakerSettings(failuresMax: 5, rest: .seconds(30))

        package init() {}
    }

    private let directory: ModelDirectory
    private let runtime: CompletionRuntime

    /// - Parameters:
    ///   - default: Answers requests that name no provider. Its model is used when such a request names none either.
    ///   - fallbacks: Asked in order after the default; a request's own `fallbacks` replace them.
    ///   - checkSchema: Without it, requests with a `response_schema` are refused.
    ///   - clock: Measures and sleeps.
    ///   - seed: Of the chance in pauses.
    /// - Throws: `llm.unknown_provider` when a reference names a provider that is not among `providers`.
    package init(
        providers: [any LanguageModelProvider], default standard: ModelReference, fallbacks: [ModelReference] = [],
        settings: Settings = Settings(), prices: PriceTable = .list, checkSchema: SchemaCheck? = nil,
        clock: any Clock<Duration> = ContinuousClock(), wallClock: any WallClock = SystemWallClock(),
        ids: UUIDGenerator? = nil, seed: UInt64 = .random(in: 0 ... .max),
        metrics: any MetricsFactory = MetricsSystem.factory
    ) throws {
        directory = try ModelDirectory(providers: providers, standard: standard, fallbacks: fallbacks)
        runtime = CompletionRuntime(
            settings: settings, prices: prices, checkSchema: checkSchema, clock: clock, wallClock: wallClock,
            ids: ids ?? UUIDGenerator(clock: wallClock), seed: seed,
            metrics: LanguageModelMetrics(factory: metrics, models: directory.configured))
    }

    /// Decodes the argument of `call: llm` and answers it.
    /// - Throws: As ``complete(_:timeout:observer:ifCancelled:)``.
    package func complete(
        with arguments: JSONValue, timeout: Duration? = nil, observer: CompletionObserver = .none,
        ifCancelled: ([ModelCall]) -> Void = { _ in }
    ) async throws -> Answered {
        let request = try asFailure { try CompletionRequest(json: arguments) }
        return try await complete(request, timeout: timeout, observer: observer, ifCancelled: ifCancelled)
    }

    /// Asks until somebody answers or nobody is left who might.
    ///
    /// What the attempts used is told to the caller alone, who writes it into the ledger, whether an answer came or not.
    ///
    /// - Parameters:
    ///   - timeout: `nil`, or more than the settings say, is what they say.
    ///   - observer: Hears the text as it comes, and `reset` when it begins again.
    ///   - ifCancelled: Called before `CancellationError` is thrown, with the attempts made till then.
    /// - Returns: The answer; also one that came while the caller was cancelled, since it has been paid for.
    /// - Throws: `LanguageModelFailure`, or `CancellationError` at once when the caller is cancelled. An unknown provider, also
    ///   among the fallbacks, and a schema that is none are refused before anybody is asked.
    package func complete(
        _ request: CompletionRequest, timeout: Duration? = nil, observer: CompletionObserver = .none,
        ifCancelled: ([ModelCall]) -> Void = { _ in }
    ) async throws -> Answered {
        let chain = try asFailure {
            try checkSchema(of: request)
            return try directory.chain(for: request)
        }
        let limit = min(timeout ?? runtime.settings.timeout, runtime.settings.timeout)
        var run = CompletionRun(request, chain, runtime, observer, deadline: runtime.elapsed() + limit)
        do {
            return try await run.run()
        } catch let error as CancellationError {
            ifCancelled(run.attempts)
            throw error
        }
    }

    /// A schema that cannot be checked is told before it costs anything.
    private func checkSchema(of request: CompletionRequest) throws {
        guard let schema = request.responseSchema else { return }
        guard let check = runtime.checkSchema else {
            throw LanguageModelError(
                LanguageModelError.unsupported, "response_schema is not checked here and therefore not taken.")
        }
        do {
            _ = try check(schema, .null)
        } catch {
            let detail = (error as? any CodedError)?.message ?? String(describing: error)
            throw LanguageModelError(
                LanguageModelError.requestInvalid, "response_schema is not a schema: \(detail)", cause: error)
        }
    }

    private func asFailure<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as LanguageModelError {
            throw LanguageModelFailure(error: error)
        }
    }
}

extension ModelDirectory {
    /// Each with its model.
    fileprivate var configured: Set<ModelReference> {
        let named = ([standard] + fallbacks).map { reference in
            ModelReference(
                provider: reference.provider, model: reference.model ?? providers[reference.provider]?.defaultModel)
        }
        return Set(named + providers.values.map { ModelReference(provider: $0.name, model: $0.defaultModel) })
    }
}
