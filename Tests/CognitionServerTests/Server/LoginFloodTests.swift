import CognitionCore
import Testing

/// Passwords take long on purpose; that must be nobody's trouble but of who sends them.
@Suite("Login floods", .timeLimit(.minutes(2))) struct LoginFloodTests {
    @Test("Two hundred logins at once do not hold up other requests, and what is too much is told to come again")
    func flood() async throws {
        try await withSandbox { sandbox in
            let server = try await LiveServer.start(in: sandbox, ["SECURITY_BCRYPT_COST": "12"])
            let user = try await server.newUser()
            let calm = try await slowest(of: 40, user)
            let statuses = try await withThrowingTaskGroup(of: HTTPAnswer?.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        do {
                            return try await server.login(user.email)
                        } catch  where Task.isCancelled {
                            return nil  // the answers so far are enough
                        }
                    }
                }
                let during = try await slowest(of: 40, user)
                #expect(during < .seconds(2), "alone \(calm), beside logins \(during)")
                var statuses: [Int: Int] = [:]
                while let answer = try await group.next() {
                    guard let answer else { continue }
                    statuses[answer.status, default: 0] += 1
                    if answer.status == 503 {
                        answer.expectProblem(503, "identity.busy")
                        #expect(
                            answer["retry-after"].flatMap { Int($0) }.map { (1...60).contains($0) } == true, "\(answer)"
                        )
                    } else {
                        #expect(answer.status == 200, "\(answer)")
                    }
                    if statuses[200, default: 0] >= 4, statuses[503] != nil { group.cancelAll() }
                }
                return statuses
            }
            #expect(statuses[200, default: 0] >= 4 && statuses[503, default: 0] > 0, "\(statuses)")
            #expect(try await user.get("auth/me").status == 200)
            server.program.kill()  // in good order it would check the passwords that wait
        }
    }

    @Test("An address whose logins fail again and again has to wait, and is told how long")
    func throttle() async throws {
        try await withSandbox { sandbox in
            let server = try await LiveServer.start(in: sandbox, ["SECURITY_AUTH_FAILURES_PER_ADDRESS": "3"])
            let user = try await server.newUser()
            for _ in 0..<3 {
                (try await server.login(LiveServer.newEmail())).expectProblem(401, "identity.login_failed")
            }
            let refused = try await server.login(user.email)
            refused.expectProblem(429, "identity.too_many_failures")
            #expect(refused["retry-after"].flatMap { Int($0) }.map { (1...300).contains($0) } == true, "\(refused)")
            #expect(try await user.get("auth/me").status == 200, "who is in stays in")
            _ = await server.stop()
        }
    }

    /// The longest of some requests, one after the other.
    private func slowest(of count: Int, _ user: APIUser) async throws -> Duration {
        var longest = Duration.zero
        for _ in 0..<count {
            let start = ContinuousClock.now
            #expect(try await user.get("auth/me").status == 200)
            longest = max(longest, start.duration(to: .now))
        }
        return longest
    }
}
