package import CognitionCore
package import CognitionIdentity
package import CognitionStorage
import HTTPTypes
import HummingbirdCore
import Logging
import Metrics

/// Sees that a request with an `Idempotency-Key` is done once (draft-ietf-httpapi-idempotency-key-header).
///
/// The key is claimed before anything is done. Whatever the request then commits marks the claim as done in the same
/// transaction (``WriteCompanion``), so that after a crash it is known whether something has happened; the answer is kept
/// after it. A key is one principal's, in one workspace and for one route.
package struct RepetitionDesk: Sendable {
    /// How long a key is known.
    private static let life: Duration = .seconds(86_400)
    /// How long a request may take before another with its key counts as a new attempt, unless something was done.
    private static let claim: Duration = .seconds(180)

    private let database: any Database
    private let clock: any WallClock
    private let ids: UUIDGenerator
    private let digest: KeyedDigest
    /// `http.server.repetitions`, by outcome.
    private let counters: [Outcome: Counter]

    private enum Outcome: String, CaseIterable {
        case kept
        case replayed
        case refused
    }

    /// - Parameter digest: Of requests, which may hold passwords.
    package init(database: any Database, clock: any WallClock, ids: UUIDGenerator, digest: KeyedDigest) {
        self.database = database
        self.clock = clock
        self.ids = ids
        self.digest = digest
        counters = Dictionary(
            uniqueKeysWithValues: Outcome.allCases.map {
                ($0, Counter(label: "http.server.repetitions", dimensions: [("outcome", $0.rawValue)]))
            })
    }

    private enum Claim: Sendable {
        case mine
        case known(KeptAnswer)
    }

    /// Handles a request, or answers what was answered before.
    ///
    /// - Throws: `request.idempotency_key_reused`, `request.idempotency_key_in_progress`,
    ///   `request.idempotency_key_done`, and whatever the handler throws; what has failed without a trace may be tried
    ///   again under the same key.
    func answer(_ exchange: consuming Exchange, of route: Route) async throws -> Answer {
        guard let key = try exchange.idempotencyKey, let caller = exchange.caller else {
            return try await route.handle(exchange)
        }
        let id = digest([
            caller.principal.workspace.name, caller.principal.actor, route.method.rawValue, route.path, key,
        ])
        let request = digest(
            [exchange.request.head.path ?? "", MediaType.essence(of: exchange.request.headers[.contentType] ?? "")],
            try await exchange.collect())
        let owner = (ids.next() as UUIDv7).description
        switch try await claim(id, request, owner) {
        case .known(let answer):
            counters[.replayed]?.increment()
            return answer.answer
        case .mine: break
        }
        let answer: Answer
        do {
            let exchange = exchange
            answer = try await WriteCompanion.with({ tx in
                try RepetitionStore.markDone(id, owner: owner, tx)
            }) { try await route.handle(exchange) }
        } catch {
            let isRefused = Self.isRefusal(error)
            await settle(id) { tx in try RepetitionStore.release(id, owner: owner, isRefused: isRefused, tx) }
            throw error
        }
        let kept = route.repetition == .once ? nil : KeptAnswer(answer)
        await settle(id) { tx in try RepetitionStore.keep(kept, of: id, owner: owner, tx) }
        counters[.kept]?.increment()
        return answer
    }

    /// The request was looked at and not done; an entry in the audit trail may be all that was written.
    private static func isRefusal(_ error: any Error) -> Bool {
        guard let error = error as? any CodedError else { return false }
        return error.category != .internal && error.category != .unavailable
    }

    private func claim(_ id: [UInt8], _ request: [UInt8], _ owner: String) async throws -> Claim {
        let now = clock.now
        let (until, expiresAt) = (now + Self.claim, now + Self.life)
        do {
            return try await database.write { tx in
                if try RepetitionStore.insert(
                    id, request: request, owner: owner, until: until, expiresAt: expiresAt, tx)
                {
                    return .mine
                }
                guard let entry = try RepetitionStore.entry(id, tx) else {
                    throw RequestError(
                        .keyInProgress, "a request with this Idempotency-Key ends at this moment",
                        retryAfter: .seconds(1))
                }
                if try Self.isFree(entry, request, now) {
                    try RepetitionStore.takeOver(
                        id, request: request, owner: owner, until: until, expiresAt: expiresAt, tx)
                    return .mine
                }
                guard let answer = entry.answer else {
                    throw RequestError(
                        .keyDone, "the request with this key was done before, and its answer is not kept")
                }
                return .known(answer)
            }
        } catch let error as RequestError {
            counters[.refused]?.increment()
            throw error
        }
    }

    /// Whether a known key may be used as a new one.
    private static func isFree(_ entry: RepetitionStore.Entry, _ request: [UInt8], _ now: Timestamp) throws -> Bool {
        guard entry.request == request else {
            throw RequestError(
                .keyReused, "this Idempotency-Key came before with another request; take a new one for each")
        }
        guard entry.owner != nil, entry.claimedUntil > now else { return !entry.isDone && entry.answer == nil }
        throw RequestError(
            .keyInProgress, "a request with this Idempotency-Key is under way", retryAfter: .seconds(1))
    }

    /// Writes what became of a claim, also when the client has gone meanwhile.
    private func settle(
        _ id: [UInt8], _ body: @escaping @Sendable (borrowing Transaction) throws -> Void
    ) async {
        // Unstructured, so that a cancelled request still ends its claim.
        let write = Task { [database] in try await database.write(body) }
        do {
            try await write.value
        } catch {
            // A claim that stays ends by itself; what was done is marked.
            Logger.current.warning("The answer to a repeated request is not kept", metadata: ["error": "\(error)"])
        }
    }
}

/// Forgets keys that are older than a day, a few at a time.
package struct RepetitionRunner: Sendable {
    private static let interval: Duration = .seconds(60)
    private static let batchMax = 500

    private let database: any Database
    private let clock: any WallClock

    package init(database: any Database, clock: any WallClock) {
        self.database = database
        self.clock = clock
    }

    /// Runs until the task is cancelled, and then returns.
    /// - Throws: What the database throws when it is closed.
    package func run() async throws {
        while !Task.isCancelled {
            do {
                while try await deleteExpired() == Self.batchMax {}
            } catch is CancellationError {
                return
            } catch let error as StorageError where error.code == .storageClosed {
                throw error
            } catch {
                let reason = (error as? any CodedError)?.code.name ?? "\(type(of: error))"
                Logger.current.warning("Old idempotency keys stay for now", metadata: ["error": "\(reason)"])
            }
            // Its only error is cancellation, which the loop looks at.
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// Ends what a process on the same folder has left unfinished; before requests are taken.
    package func recover() async throws {
        guard !database.isShared else { return }
        try await database.write { tx in try RepetitionStore.releaseAll(tx) }
    }

    package func deleteExpired() async throws -> Int {
        let now = clock.now
        return try await database.write { tx in
            try RepetitionStore.deleteExpired(now: now, limit: Self.batchMax, tx)
        }
    }
}
