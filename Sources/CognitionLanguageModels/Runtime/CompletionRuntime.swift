import CognitionCore
import Logging
import Synchronization

/// What the requests of one façade share: clocks, chance, circuits, prices, metrics.
final class CompletionRuntime: Sendable {
    let settings: LanguageModels.Settings
    let prices: PriceTable
    let checkSchema: LanguageModels.SchemaCheck?
    let clock: any Clock<Duration>
    let wallClock: any WallClock
    let ids: UUIDGenerator
    let metrics: LanguageModelMetrics
    /// Time since this was made; it only goes forward.
    let elapsed: @Sendable () -> Duration

    private let circuits: Mutex<CircuitBreaker<ModelReference>>
    private let chance: Mutex<SplitMix64>
    /// An arbitrary start for the circuits, whose time then follows `elapsed`.
    private let start = ContinuousClock.now

    init(
        settings: LanguageModels.Settings, prices: PriceTable, checkSchema: LanguageModels.SchemaCheck?,
        clock: any Clock<Duration>, wallClock: any WallClock, ids: UUIDGenerator, seed: UInt64,
        metrics: LanguageModelMetrics
    ) {
        self.settings = settings
        self.prices = prices
        self.checkSchema = checkSchema
        self.clock = clock
        self.wallClock = wallClock
        self.ids = ids
        self.metrics = metrics
        elapsed = Self.stopwatch(clock)
        circuits = Mutex(CircuitBreaker(settings: settings.circuit))
        chance = Mutex(SplitMix64(seed: seed))
    }

    private static func stopwatch(_ clock: some Clock<Duration>) -> @Sendable () -> Duration {
        let start = clock.now
        return { start.duration(to: clock.now) }
    }

    func step(
        _ plan: inout RetryPlan, after advice: LanguageModelError.Advice, remaining: Duration, hasNext: Bool,
        isPinned: Bool
    ) -> RetryPlan.Step {
        var random = chance.withLock { SplitMix64(seed: $0.next()) }
        return plan.step(
            after: advice, remaining: remaining, hasNext: hasNext, isPinned: isPinned, using: &random)
    }

    // MARK: Circuits

    /// - Returns: Whether the attempt is the probe of a circuit that has rested.
    /// - Throws: `llm.circuit_open`, with the advice to ask another.
    func admit(_ link: ModelChain.Link) throws -> Bool {
        let now = start + elapsed()
        switch circuits.withLock({ $0.admit(link.reference, now: now) }) {
        case .allowed(let isProbe):
            return isProbe
        case .refused(let until):
            let seconds = max(1, Int(now.duration(to: until).seconds.rounded(.up)))
            throw LanguageModelError(
                LanguageModelError.circuitOpen,
                "\(link.name) failed too often in a row; it is asked again in \(seconds) s.", advice: .fallBack)
        }
    }

    /// Only what shows that the provider itself is away counts against it: what depends on the request or on how much time
    /// its caller gave must not close the way for others. What never reached it says nothing either way: what was refused
    /// here, by the provider's own code or by our client.
    ///
    /// - Parameter hasAnswered: Whether the service said anything.
    func report(_ error: LanguageModelError?, of link: ModelChain.Link, hasAnswered: Bool, isProbe: Bool) {
        let now = start + elapsed()
        let opened = circuits.withLock { circuits in
            switch error?.code {
            case LanguageModelError.providerUnavailable where (error?.cause as? OutboundHTTPError)?.isLocal != true:
                return circuits.failed(link.reference, isProbe: isProbe, now: now)
            case LanguageModelError.timeout, LanguageModelError.badAnswer:
                circuits.abandoned(link.reference, isProbe: isProbe, now: now)
            case _ where hasAnswered:
                circuits.succeeded(link.reference)
            default:
                circuits.abandoned(link.reference, isProbe: isProbe, now: now)
            }
            return false
        }
        if opened {
            Logger.current.warning(
                "Language model circuit opened",
                metadata: ["llm.provider": "\(link.provider.name)", "llm.model": "\(link.model)"])
        }
    }

    func reportCancelled(_ link: ModelChain.Link, isProbe: Bool) {
        circuits.withLock { $0.abandoned(link.reference, isProbe: isProbe, now: start + elapsed()) }
    }
}

extension ModelChain.Link {
    var reference: ModelReference { ModelReference(provider: provider.name, model: model) }

    /// For people.
    var name: String { "Provider \(provider.name), model \(model)" }
}
