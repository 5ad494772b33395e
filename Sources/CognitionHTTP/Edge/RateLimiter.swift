package import CognitionCore
import HTTPTypes
import Metrics
import Synchronization

/// Holds principals, workspaces and addresses to so many requests a minute, each node for itself.
///
/// The generic cell rate algorithm (ITU-T I.371, annex A), which is a bucket of tokens that needs one number for each key:
/// the moment at which its bucket would be full again. A bucket holds a minute's requests and fills evenly.
///
/// The table has a fixed size. Where a key finds no room, the one among eight whose
/// bucket is fullest gives way; it has least to lose.
package final class RateLimiter: Sendable {
    /// Requests a minute; 0 for no limit.
    package struct Settings: Sendable {
        /// Of one principal in a workspace; of an address where there is no token.
        package var principal = 0
        package var workspace = 0
        package var address = 0

        package init() {}

        package var isOff: Bool { principal == 0 && workspace == 0 && address == 0 }
    }

    /// Whom a limit is about.
    package enum Subject: String, CaseIterable, Sendable {
        case principal
        case workspace
        case address
    }

    /// What one request has left of one limit.
    package struct Standing: Sendable, Hashable {
        package let subject: Subject
        /// Requests a minute.
        package let limit: Int
        package let remaining: Int
        /// Seconds until the bucket is full.
        package let reset: Int
        /// Seconds until the next request is taken, if this one was not.
        package let retryAfter: Int?
    }

    private static let minute: Int64 = 60_000_000_000
    /// 2^16 keys, 16 bytes each.
    private static let shardCount = 64
    private static let shardSlots = 1_024
    private static let ways = 8

    private struct Slot {
        /// 0 for nobody.
        var key: UInt64 = 0
        /// When the bucket is full, in nanoseconds since the limiter was made.
        var full: Int64 = 0
    }

    private final class Shard: Sendable {
        let slots = Mutex([Slot](repeating: Slot(), count: RateLimiter.shardSlots))
    }

    private let settings: Settings
    private let shards: [Shard]
    /// `http.server.limited`: requests that were refused.
    fileprivate let counters: [Subject: Counter]
    private let now: @Sendable () -> Int64

    /// - Parameter now: Nanoseconds of a clock that never goes back.
    /// - Returns: `nil` when nothing is limited.
    package convenience init?(_ settings: Settings) {
        let start = ContinuousClock.now
        self.init(settings) {
            let (seconds, attoseconds) = start.duration(to: .now).components
            return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        }
    }

    package init?(_ settings: Settings, now: @escaping @Sendable () -> Int64) {
        guard !settings.isOff else { return nil }
        self.settings = settings
        self.now = now
        shards = (0..<Self.shardCount).map { _ in Shard() }
        counters = Dictionary(
            uniqueKeysWithValues: Subject.allCases.map {
                ($0, Counter(label: "http.server.limited", dimensions: [("subject", $0.rawValue)]))
            })
    }

    /// Counts a request of an address, before anything else is looked at.
    /// - Parameter isAnonymous: The route needs no token, so that the limit of a principal is that of the address.
    package func count(_ address: IPAddress?, isAnonymous: Bool) -> Standing? {
        guard let address else { return nil }
        let limits = [settings.address, isAnonymous ? settings.principal : 0].filter { $0 > 0 }
        guard let limit = limits.min() else { return nil }
        // Whoever has the first 64 bits of an IPv6 address has them all.
        let bits = address.family == .v4 ? address.bits : address.bits >> 64
        return take(.address, bits.hashValue, limit)
    }

    /// Counts a request of somebody with a token.
    package func count(_ principal: Principal) -> [Standing] {
        var standings: [Standing] = []
        if settings.principal > 0 {
            var hasher = Hasher()
            hasher.combine(principal.actor)
            hasher.combine(principal.workspace)
            standings.append(take(.principal, hasher.finalize(), settings.principal))
        }
        if settings.workspace > 0, standings.first?.retryAfter == nil {
            standings.append(take(.workspace, principal.workspace.hashValue, settings.workspace))
        }
        return standings
    }

    private func take(_ subject: Subject, _ hash: Int, _ limit: Int) -> Standing {
        var hasher = Hasher()
        hasher.combine(subject)
        hasher.combine(hash)
        let key = max(1, UInt64(bitPattern: Int64(hasher.finalize())))
        let (now, step) = (now(), Self.minute / Int64(limit))
        let shard = shards[Int(key % UInt64(Self.shardCount))]
        let (full, isTaken) = shard.slots.withLock { slots in
            let place = Self.place(of: key, in: slots)
            let known = slots[place].key == key ? max(slots[place].full, now) : now
            let next = known + step
            let isTaken = next - now <= Self.minute
            slots[place] = Slot(key: key, full: isTaken ? next : known)
            return (isTaken ? next : known, isTaken)
        }
        let debt = full - now
        return Standing(
            subject: subject, limit: limit, remaining: Int(max(0, (Self.minute - debt) / step)),
            reset: Self.seconds(debt), retryAfter: isTaken ? nil : max(1, Self.seconds(debt + step - Self.minute)))
    }

    /// Where a key is, or may be.
    private static func place(of key: UInt64, in slots: borrowing [Slot]) -> Int {
        let first = Int(key / UInt64(shardCount) % UInt64(shardSlots / ways)) * ways
        var fullest = first
        for place in first..<first + ways {
            if slots[place].key == key { return place }
            if slots[place].full < slots[fullest].full { fullest = place }
        }
        return fullest
    }

    private static func seconds(_ nanoseconds: Int64) -> Int { Int((nanoseconds + 999_999_999) / 1_000_000_000) }
}

extension [RateLimiter.Standing] {
    /// The one that has least left.
    private var tightest: RateLimiter.Standing? {
        self.min { ($0.retryAfter == nil ? 1 : 0, $0.remaining) < ($1.retryAfter == nil ? 1 : 0, $1.remaining) }
    }

    /// Tells the client how it stands: the fields of draft-ietf-httpapi-ratelimit-headers-10 for all limits, and those of
    /// its earlier versions, which most clients know, for the one that has least left.
    func write(to headers: inout HTTPFields) {
        guard let tightest else { return }
        headers[.rateLimitPolicy] = map { "\"\($0.subject.rawValue)\";q=\($0.limit);w=60" }.joined(separator: ", ")
        headers[.rateLimit] = map { "\"\($0.subject.rawValue)\";r=\($0.remaining);t=\($0.reset)" }
            .joined(separator: ", ")
        headers[.rateLimitLimit] = String(tightest.limit)
        headers[.rateLimitRemaining] = String(tightest.remaining)
        headers[.rateLimitReset] = String(tightest.reset)
    }

}

extension RateLimiter {
    /// - Throws: `request.rate_limited` when one of them was reached.
    func check(_ standings: [Standing]) throws {
        guard let refused = standings.first(where: { $0.retryAfter != nil }), let wait = refused.retryAfter else {
            return
        }
        counters[refused.subject]?.increment()
        throw RequestError(
            .rateLimited,
            "this \(refused.subject.rawValue) has made its \(refused.limit) requests a minute; wait \(wait) s",
            retryAfter: .seconds(wait))
    }
}
