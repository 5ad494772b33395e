import CognitionCore
import CognitionHTTP
import CognitionRealtime
import Foundation
import NIOCore
import Testing

/// A port of the Autobahn testsuite's categories 1 to 7, 9 and 10 (8 there is none; 12 and 13 are about compression), run
/// against a real socket. Its numbers are kept; what is ours has a letter behind the number.
@Suite("Autobahn") struct AutobahnTests {
    @Test("Each case ends as RFC 6455 wants it", arguments: [1, 2, 3, 4, 5, 6, 7, 9, 10])
    func category(_ category: Int) async throws {
        let cases = AutobahnCase.all.filter { $0.category == category }
        #expect(!cases.isEmpty)
        try await withLiveServer(Self.settings) { server in try await Self.run(cases, on: server) }
    }

    @Test("The table has every case once")
    func table() {
        #expect(Set(AutobahnCase.all.map(\.id)).count == AutobahnCase.all.count)
        #expect(AutobahnCase.all.count > 300, "\(AutobahnCase.all.count)")
    }

    @Test("Going through all of them again and again takes no more memory", .enabled(if: ResidentMemory.bytes != nil))
    func memory() async throws {
        try await withLiveServer(Self.settings) { server in
            var used: [Int] = []
            for _ in 0..<6 {
                try await Self.run(AutobahnCase.all, on: server)
                used.append(try #require(ResidentMemory.bytes))
            }
            // A connection that stays, with its channel, reader and handler, holds more than 10 KiB. What the allocator takes
            // now and then in one piece is no leak: it does not come with each round.
            let growth = zip(used.dropFirst(), used).map { $0 - $1 }.sorted()[2]
            #expect(growth < AutobahnCase.all.count * 4_096, "resident after each round: \(used)")
        }
    }

    private static var settings: LiveSettings {
        var settings = LiveSettings.quick
        settings.endpoint.closeTimeout = .milliseconds(500)
        return settings
    }

    private static func run(_ cases: [AutobahnCase], on server: LiveServer) async throws {
        for one in cases {
            let socket = try await TestSocket.open(server.port, token: "ada")
            do {
                try await one.run(on: socket)
            } catch {
                Issue.record("case \(one.id), \(one.title): \(error)")
            }
            await socket.close()
        }
        try await eventually { server.hub.stats.connectedClients == 0 }
    }
}

/// Of this process.
private enum ResidentMemory {
    /// `nil` where the system does not tell in the way of Linux.
    static var bytes: Int? {
        // What is not there is not told.
        let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return text?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 4_096 }
    }
}
