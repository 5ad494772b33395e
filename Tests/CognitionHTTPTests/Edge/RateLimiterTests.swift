import CognitionCore
import CognitionHTTP
import Synchronization
import Testing

@Suite("Rate limits") struct RateLimiterTests {
    /// Nanoseconds that a test moves.
    private final class Time: Sendable {
        private let value = Mutex<Int64>(0)
        var now: Int64 { value.withLock { $0 } }
        func advance(seconds: Double) { value.withLock { $0 += Int64(seconds * 1_000_000_000) } }
    }

    private let time = Time()

    private func limiter(principal: Int = 0, workspace: Int = 0, address: Int = 0) throws -> RateLimiter {
        var settings = RateLimiter.Settings()
        (settings.principal, settings.workspace, settings.address) = (principal, workspace, address)
        let time = time
        let limiter = RateLimiter(settings, now: { time.now })
        return try #require(limiter)
    }

    private func principal(_ actor: String, _ workspace: String = "w") -> Principal {
        Principal(actor: actor, workspace: WorkspaceID(workspace))
    }

    @Test("Without a limit there is no limiter")
    func off() { #expect(RateLimiter(RateLimiter.Settings()) == nil) }

    @Test("A full bucket is a minute's requests, and fills evenly")
    func bucket() throws {
        let limiter = try limiter(principal: 6)
        for left in (0..<6).reversed() {
            let standing = try #require(limiter.count(principal("a")).first)
            #expect(standing.retryAfter == nil && standing.remaining == left && standing.limit == 6)
            #expect(standing.reset == (6 - left) * 10)
        }
        let refused = try #require(limiter.count(principal("a")).first)
        #expect(refused.retryAfter == 10 && refused.remaining == 0 && refused.reset == 60)
        time.advance(seconds: 9.5)
        #expect(limiter.count(principal("a")).first?.retryAfter == 1)
        time.advance(seconds: 0.5)
        #expect(limiter.count(principal("a")).first?.retryAfter == nil)
        #expect(limiter.count(principal("a")).first?.retryAfter == 10)
        // Refused requests cost nothing.
        for _ in 0..<100 { _ = limiter.count(principal("a")) }
        time.advance(seconds: 60)
        #expect(limiter.count(principal("a")).first?.remaining == 5)
    }

    @Test("Everybody has a bucket, and so has every workspace")
    func subjects() throws {
        let limiter = try limiter(principal: 2, workspace: 3)
        #expect(limiter.count(principal("a")).map(\.retryAfter) == [nil, nil])
        #expect(limiter.count(principal("a")).map(\.retryAfter) == [nil, nil])
        // The principal's own limit comes first, and the workspace is not charged.
        #expect(limiter.count(principal("a")).map(\.subject) == [.principal])
        #expect(limiter.count(principal("b")).map(\.retryAfter) == [nil, nil])
        let last = limiter.count(principal("b"))
        #expect(last.map(\.subject) == [.principal, .workspace] && last[1].retryAfter == 20)
        #expect(limiter.count(principal("b", "other")).map(\.retryAfter) == [nil, nil])
    }

    @Test("An address is one of IPv4, or the first half of one of IPv6")
    func addresses() throws {
        let limiter = try limiter(principal: 100, address: 1)
        func take(_ text: String) -> Int? {
            IPAddress(text).flatMap { limiter.count($0, isAnonymous: false) }?.retryAfter
        }
        #expect(take("192.0.2.1") == nil)
        #expect(take("192.0.2.1") == 60)
        #expect(take("::ffff:192.0.2.1") == 60)
        #expect(take("192.0.2.2") == nil)
        #expect(take("2001:db8:1:2::1") == nil)
        #expect(take("2001:db8:1:2:ffff::9") == 60)
        #expect(take("2001:db8:1:3::1") == nil)
        #expect(limiter.count(nil, isAnonymous: true) == nil)
    }

    @Test("Where no token is needed, the limit of a principal is that of the address")
    func anonymous() throws {
        let limiter = try limiter(principal: 1)
        let address = IPAddress(v4: 0xC000_0201)
        #expect(limiter.count(address, isAnonymous: false) == nil)
        #expect(limiter.count(address, isAnonymous: true)?.retryAfter == nil)
        #expect(limiter.count(address, isAnonymous: true)?.retryAfter == 60)
    }

    @Test("A million addresses take no more room, and hardly anybody who is held back is forgotten for them")
    func manyKeys() throws {
        let limiter = try limiter(address: 10)
        let busy = (0..<100).map { IPAddress(v4: 0x0A00_0000 + UInt32($0)) }
        for address in busy { for _ in 0..<10 { _ = limiter.count(address, isAnonymous: false) } }
        for n in 0..<200_000 {
            _ = limiter.count(IPAddress(v4: 0x2000_0000 + UInt32(n)), isAnonymous: false)
        }
        let held = busy.count { limiter.count($0, isAnonymous: false)?.retryAfter != nil }
        #expect(held >= 95)
    }

    @Test("Of many requests at once exactly as many are taken as there is room for")
    func parallel() async throws {
        let limiter = try limiter(principal: 500)
        let taken = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<200).count { _ in
                        limiter.count(Principal(actor: "a", workspace: .default))[0].retryAfter == nil
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(taken == 500)
    }
}
