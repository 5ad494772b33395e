#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Takes requests through one transaction and one fsync: the group commit.
///
/// A round takes at most ``requestsMax`` requests or ``workMax`` of work. It is tried without savepoints, which cost up to
/// a third of the throughput; when a request fails, the round is undone and repeated with a savepoint for each, and so are
/// the next ``cautiousRounds``. When the engine itself ends the transaction, or COMMIT fails, every request is repeated in
/// a transaction of its own, and one that fails there fails alone. Nobody is answered before COMMIT, not even a request
/// that failed: what it failed at may have been written by another of the same round.
///
/// Where others write at the same time, a request that finds a row in its way (`storage.constraint`) is run once more: it
/// may have looked before that row was there.
final class RoundRunner {
    static let requestsMax = 256
    static let workMax: Duration = .milliseconds(2)
    static let cautiousRounds = 64
    static let triesAloneMax = 5
    /// So few callers are woken sooner than another thread could be.
    static let answersOnThreadMax = 8

    private let connection: any StorageConnection
    private let signals: Signals
    private let metrics: StorageMetrics
    private let requestsMax: Int
    private var cautiousRoundsLeft = 0

    init(
        connection: any StorageConnection, signals: Signals, metrics: StorageMetrics,
        requestsMax: Int? = nil
    ) {
        self.requestsMax = requestsMax ?? Self.requestsMax
        self.connection = connection
        self.signals = signals
        self.metrics = metrics
    }

    /// What became of one attempt of a round.
    private enum Attempt {
        /// Every request has been answered.
        case answered
        /// A request failed where there was no savepoint to go back to.
        case needsSavepoints
        /// The engine ended the transaction, or could not commit it.
        case lost(any Error)
        /// The engine could not begin a transaction.
        case refused(any Error)
    }

    /// Answers `first` and the requests that `next` gives while the round lasts.
    func run(from first: any WriteRequest, next: () -> (any WriteRequest)?) {
        var requests = [first]
        if cautiousRoundsLeft == 0 {
            guard case .needsSavepoints = settle(attempt(&requests, growing: next, savepoints: false), requests) else {
                return
            }
            if requests.count > 1 { cautiousRoundsLeft = Self.cautiousRounds }
            _ = settle(attempt(&requests, growing: { nil }, savepoints: true), requests)
        } else {
            cautiousRoundsLeft -= 1
            _ = settle(attempt(&requests, growing: next, savepoints: true), requests)
        }
    }

    /// Answers the requests of a round that was lost or refused.
    private func settle(_ attempt: Attempt, _ requests: [any WriteRequest]) -> Attempt {
        switch attempt {
        case .answered, .needsSavepoints: break
        case .lost: runAlone(requests[...])
        case .refused(let error): for request in requests { request.fail(error) }
        }
        return attempt
    }

    /// Gives each request a transaction of its own; when the engine begins no more, the rest fail at once.
    private func runAlone(_ requests: ArraySlice<any WriteRequest>) {
        for (index, request) in zip(requests.indices, requests) {
            var alone = [request]
            switch attemptAlone(&alone) {
            case .answered: break
            case .needsSavepoints: preconditionFailure("an attempt with savepoints needs none")
            case .lost(let error): request.fail(error)
            case .refused(let error):
                for request in requests[index...] { request.fail(error) }
                return
            }
        }
    }

    /// Tries again what was in the way of others, or they in its way, as that passes; each time after a pause that is longer,
    /// and never the same as theirs.
    private func attemptAlone(_ request: inout [any WriteRequest]) -> Attempt {
        var triesLeft = Self.triesAloneMax
        while true {
            triesLeft -= 1
            var attempt = attempt(&request, growing: { nil }, savepoints: false)
            if case .needsSavepoints = attempt { attempt = self.attempt(&request, growing: { nil }, savepoints: true) }
            guard triesLeft > 0, case .lost(let error as StorageError) = attempt, error.code == .storageConflict else {
                return attempt
            }
            usleep(UInt32.random(in: 500...(2_000 << UInt32(Self.triesAloneMax - triesLeft))))
        }
    }

    // MARK: One attempt

    /// Runs `requests`, then those that `growing` still gives, and commits.
    private func attempt(
        _ requests: inout [any WriteRequest], growing: () -> (any WriteRequest)?, savepoints: Bool
    ) -> Attempt {
        do {
            try connection.begin(.write)
        } catch {
            metrics.failed(error)
            return .refused(error)
        }
        let round = WriteRound()
        let tx = Transaction(on: connection, round: round)
        let deadline = ContinuousClock.now + Self.workMax
        var failures: [Int: any Error] = [:]
        var index = 0
        while true {
            if index == requests.count {
                guard index < requestsMax, ContinuousClock.now < deadline, let more = growing() else { break }
                requests.append(more)
            }
            do {
                if savepoints {
                    failures[index] = try runGuarded(requests[index], in: tx, round)
                } else {
                    try run(requests[index], in: tx)
                }
            } catch {
                return savepoints ? lose(error) : giveUp(error, requests)
            }
            index += 1
        }
        do {
            try round.runSteps(in: tx)
            let started = ContinuousClock.now
            try connection.commit()
            metrics.committed(requests: requests.count - failures.count, took: ContinuousClock.now - started)
        } catch let error as StorageError where error.code == .commitUnknown {
            // To repeat it could do everything twice.
            metrics.failed(error)
            connection.rollback()
            for request in requests { request.fail(error) }
            return .answered
        } catch {
            // Without savepoints it may be the failure of a statement that a body has sent and not waited for.
            return savepoints ? lose(error) : giveUp(error, requests)
        }
        answer(requests, failures: failures, round: round)
        return .answered
    }

    private func run(_ request: any WriteRequest, in tx: borrowing Transaction) throws {
        try request.run(in: tx)
        // A body may have caught the failure that ended the transaction, and all the others' work with it.
        guard connection.isTransactionOpen else { throw StorageError.transactionEnded }
    }

    /// Runs a request so that it can be undone alone.
    /// - Returns: Why it failed, if it did.
    /// - Throws: What has ended the whole transaction.
    private func runGuarded(
        _ request: any WriteRequest, in tx: borrowing Transaction, _ round: WriteRound
    ) throws -> (any Error)? {
        let mark = round.beginRequest()
        var mayRepeat = connection.isShared
        while true {
            do {
                try connection.setSavepoint()
                try run(request, in: tx)
                try connection.releaseSavepoint()
                return nil
            } catch {
                guard connection.isTransactionOpen, !error.isEngineFailure else { throw error }
                try connection.rollbackToSavepoint()
                round.undo(to: mark)
                guard error.mayBeOutdated, mayRepeat else {
                    metrics.failed(error)
                    return error
                }
                mayRepeat = false
            }
        }
    }

    /// Undoes an attempt without savepoints.
    private func giveUp(_ error: any Error, _ requests: [any WriteRequest]) -> Attempt {
        guard connection.isTransactionOpen, !error.isEngineFailure else { return lose(error) }
        connection.rollback()
        guard requests.count == 1, !(error.mayBeOutdated && connection.isShared) else { return .needsSavepoints }
        metrics.failed(error)
        requests[0].fail(error)
        return .answered
    }

    private func lose(_ error: any Error) -> Attempt {
        metrics.failed(error)
        connection.rollback()
        return .lost(error)
    }

    private func answer(_ requests: [any WriteRequest], failures: [Int: any Error], round: WriteRound) {
        for work in round.committedWork { metrics.count(work) }
        for action in round.afterCommit { action() }
        if !round.topics.isEmpty { signals.wake(round.topics) }
        let (metrics, durableAt) = (metrics, ContinuousClock.now)
        let answer = { @Sendable (request: any WriteRequest, error: (any Error)?) in
            if let error { return request.fail(error) }
            metrics.writeTook(durableAt - request.requestedAt)
            request.succeed()
        }
        let isMany = requests.count > Self.answersOnThreadMax
        for (index, request) in requests.enumerated() where !isMany || request.hasOwnThread {
            answer(request, failures[index])
        }
        guard isMany else { return }
        // Waking many callers takes as long as a good part of their writes; the next round need not wait for it. What has
        // been committed has to be told, so this is no one's child and cannot be cancelled.
        Task.detached {
            for (index, request) in requests.enumerated() where !request.hasOwnThread {
                answer(request, failures[index])
            }
        }
    }
}

extension Error {
    /// The engine could not do its work, whatever the request was; the transaction is not to be trusted.
    fileprivate var isEngineFailure: Bool { (self as? StorageError)?.isTransient ?? false }

    /// The body may have decided by what another has changed since.
    fileprivate var mayBeOutdated: Bool { (self as? StorageError)?.code == .constraintViolated }
}
