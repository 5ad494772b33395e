import CognitionCore
import Testing

/// The server is killed while events are written: its read models have each of them once.
@Suite("Projections of a server that is killed", .timeLimit(.minutes(3))) struct ServerProjectionCrashTests {
    private static let kills = 4

    @Test("Every event of the log is counted once, however often the server is killed")
    func killed() async throws {
        try await withSandbox { sandbox in
            var server = try await LiveServer.start(in: sandbox)
            var user = try await server.newUser()
            for _ in 0..<Self.kills {
                try await write(Int.random(in: 20...60), as: user)
                server.program.kill()
                #expect(await server.program.ending().signal == 9)
                server = try await LiveServer.start(in: sandbox)
                user = APIUser(
                    server: server, email: user.email, id: user.id, home: user.home, token: user.token,
                    refreshToken: user.refreshToken)
            }
            let written = try await user.all("events?category=order", limit: 200).count
            var counted: Int64 = 0
            while counted < written {
                try await Task.sleep(for: .milliseconds(20))
                counted =
                    try await user.all("events/types", limit: 50)
                    .first { $0["type"] == "order.placed" }?["count"]?.integerValue ?? 0
            }
            #expect(counted == written)
            _ = await server.stop()
        }
    }

    /// The last of them are on their way when this returns.
    private func write(_ count: Int, as user: APIUser) async throws {
        for number in 0..<count {
            let answer = try await user.post(
                "streams/order/\(number % 7)", ["events": [["type": "order.placed"], ["type": "order.placed"]]])
            #expect(answer.status == 201)
        }
    }
}
