import CognitionCore
import CognitionLanguageModels
import Synchronization

/// Stands for a service: does what its script says, step by step, and records what it was asked. After the script it answers.
final class ScriptedProvider: LanguageModelProvider {
    enum Step: Sendable {
        case answer(Completion)
        case fail(LanguageModelError)
        case failOtherwise(any Error)
        /// Says something, then fails.
        case breakOff(String, LanguageModelError)
        /// Never ends by itself.
        case hang
    }

    let name: String
    let defaultModel: String
    private let steps: Mutex<[Step]>
    private let requests = Mutex<[CompletionRequest]>([])
    private let hanging = Gate()

    init(_ name: String, model: String = "standard", _ steps: [Step] = []) {
        self.name = name
        self.defaultModel = model
        self.steps = Mutex(steps)
    }

    var asked: [CompletionRequest] { requests.withLock { $0 } }

    /// Returns when a request hangs.
    func waitUntilHanging() async { await hanging.wait() }

    func complete(_ request: CompletionRequest, observer: CompletionObserver) async throws -> Completion {
        requests.withLock { $0.append(request) }
        let step = steps.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        switch step {
        case nil:
            observer.hear(.text(name))
            return completion(name, request)
        case .answer(var completion):
            if !completion.text.isEmpty { observer.hear(.text(completion.text)) }
            completion.provider = name
            return completion
        case .fail(let error):
            throw error
        case .failOtherwise(let error):
            throw error
        case .breakOff(let text, let error):
            observer.hear(.text(text))
            throw error
        case .hang:
            hanging.open()
            try await Task.sleep(for: .seconds(3_600))
            throw CancellationError()
        }
    }

    private func completion(_ text: String, _ request: CompletionRequest) -> Completion {
        Completion(
            text: text, finishReason: .stop, provider: name, model: request.model ?? defaultModel,
            usage: .init(inputTokens: 1, outputTokens: 1), cost: .zero("USD"))
    }
}

/// Opens once.
final class Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func open() { continuation.finish() }

    func wait() async { for await _ in stream {} }
}

/// A clock that tests move: short sleeps pass at once and are written down, long ones wait until they are moved to.
final class PassingClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration

        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct State {
        var now = Instant(offset: .zero)
        var slept: [Duration] = []
        var sleepers: [Int: (until: Instant, wake: CheckedContinuation<Void, any Error>)] = [:]
        var cancelled: Set<Int> = []
        var count = 0
    }

    private let shortMax: Duration
    private let state = Mutex(State())

    /// - Parameter shortMax: Sleeps of at most this long pass at once.
    init(passing shortMax: Duration = .seconds(60)) { self.shortMax = shortMax }

    var now: Instant { state.withLock(\.now) }
    var minimumResolution: Duration { .nanoseconds(1) }
    /// The short sleeps, in their order.
    var slept: [Duration] { state.withLock(\.slept) }

    /// Returns when somebody sleeps long.
    func waitForSleeper() async {
        while state.withLock({ $0.sleepers.isEmpty }) { await Task.yield() }
    }

    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.until <= state.now }
            for key in due.keys { state.sleepers[key] = nil }
            return due.map(\.value.wake)
        }
        for wake in due { wake.resume() }
    }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        let place: Int? = state.withLock { state in
            let length = state.now.duration(to: deadline)
            if length <= shortMax {
                state.slept.append(length)
                state.now = max(state.now, deadline)
                return nil
            }
            state.count += 1
            return state.count
        }
        guard let place else { return }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (wake: CheckedContinuation<Void, any Error>) in
                let result: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(place) != nil { return .failure(CancellationError()) }
                    if deadline <= state.now { return .success(()) }
                    state.sleepers[place] = (deadline, wake)
                    return nil
                }
                if let result { wake.resume(with: result) }
            }
        } onCancel: {
            let wake = state.withLock { state in
                if let sleeper = state.sleepers.removeValue(forKey: place) {
                    return sleeper.wake as CheckedContinuation?
                }
                state.cancelled.insert(place)
                return nil
            }
            wake?.resume(throwing: CancellationError())
        }
    }
}

extension LanguageModelError {
    static let overloaded = LanguageModelError(LanguageModelError.providerUnavailable, "overloaded", status: 529)

    static func limited(after: Duration?) -> LanguageModelError {
        LanguageModelError(LanguageModelError.rateLimited, "slow down", advice: .retry(after: after), status: 429)
    }

    static let noCredit = LanguageModelError(LanguageModelError.billing, "no credit", status: 402)
    static let wrong = LanguageModelError(LanguageModelError.requestInvalid, "wrong", status: 400)
}
