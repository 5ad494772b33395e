import CognitionCore
import CognitionHTTPClient
import NIOCore
import Synchronization
import Testing

extension OutboundHTTPClientTests {
    @Test("A server that never answers ends in a timeout")
    func hangs() async throws {
        let result = try await exchange(.init(url: "", timeout: .milliseconds(150))) { await $0.waitForEnd() }
        #expect(result.code == OutboundHTTPError.timeout)
    }

    @Test("A slow drip is ended by the timeout of the whole exchange")
    func drips() async throws {
        let result = try await exchange(.init(url: "", timeout: .milliseconds(300))) { connection in
            _ = try await connection.request()
            try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while connection.channel.isActive {
                try await connection.write("x")
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        #expect(result.code == OutboundHTTPError.timeout)
    }

    @Test("A server that falls silent in mid-body is ended by the idle timeout")
    func silent() async throws {
        var settings = HTTPClientSettings()
        settings.idleReadTimeout = .milliseconds(150)
        let result = try await exchange(settings: settings) { connection in
            _ = try await connection.request()
            try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            await connection.waitForEnd()
        }
        #expect(result.code == OutboundHTTPError.timeout)
    }

    @Test(
        "Connections that end too early are resets",
        arguments: [
            "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        ], [true, false])
    func resets(_ answer: String, _ hard: Bool) async throws {
        let result = try await exchange { connection in
            _ = try await connection.request()
            if !answer.isEmpty { try await connection.write(answer) }
            if hard { try await connection.reset() }
        }
        #expect(result.code == OutboundHTTPError.reset, "\(result)")
    }

    @Test(
        "What is not HTTP is malformed",
        arguments: [
            "SSH-2.0-OpenSSH_9.6\r\n", "\u{16}\u{3}\u{1}garbage\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n", "HTTP/1.1 200 OK\r\nNo colon here\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        ])
    func garbage(_ answer: String) async throws {
        let result = try await exchange { connection in
            _ = try await connection.request()
            try await connection.write(answer)
            await connection.waitForEnd()
        }
        #expect(result.code == OutboundHTTPError.malformedResponse, "\(result)")
    }

    @Test("More body than Content-Length says is cut off, and its connection not used again")
    func longBody() async throws {
        let connections = Mutex(0)
        try await withPeer { connection in
            connections.withLock { $0 += 1 }
            while try await connection.request() != nil {
                try await connection.write(
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            }
        } _: { peer in
            try await withClient { client in
                for _ in 0..<3 {
                    let body = try? await client.send(.init(url: peer.url())).body
                    #expect(body == nil || body == Array("ok".utf8))
                }
            }
        }
        #expect(connections.withLock { $0 } >= 2)
    }

    @Test("Endless headers are too large", arguments: [false, true])
    func headers(_ manySmall: Bool) async throws {
        let result = try await exchange { connection in
            _ = try await connection.request()
            try await connection.write("HTTP/1.1 200 OK\r\n" + (manySmall ? "" : "X: "))
            while connection.channel.isActive {
                try await connection.write(String(repeating: manySmall ? "X-Header: value\r\n" : "x", count: 100_000))
            }
        }
        #expect(result.code == OutboundHTTPError.bodyTooLarge)
    }

    @Test(
        "A body beyond the bound is too large, announced or endless",
        arguments: [
            "Content-Length: 1001\r\n\r\n", "Content-Length: 99999999999\r\n\r\n", "\r\n",
        ])
    func bodies(_ head: String) async throws {
        let result = try await exchange { connection in
            _ = try await connection.request()
            try await connection.write("HTTP/1.1 200 OK\r\n" + head)
            while connection.channel.isActive { try await connection.write(String(repeating: "x", count: 100_000)) }
        }
        #expect(result.code == OutboundHTTPError.bodyTooLarge)
    }

    @Test("A body of exactly the bound is fine")
    func exactBody() async throws {
        let response = try await exchange { connection in
            _ = try await connection.request()
            try await connection.answer(body: String(repeating: "x", count: 1_000))
        }.get()
        #expect(response.body.count == 1_000)
    }

    @Test("Nobody there is unreachable, and quickly")
    func unreachable() async throws {
        try await withClient { client in
            let port = try await withPeer { _ in
            } _: {
                $0.port
            }
            for url in ["http://127.0.0.1:\(port)/", "http://does-not-exist.invalid/"] {
                let error = await #expect(throws: OutboundHTTPError.self) { try await client.send(.init(url: url)) }
                #expect(error?.code == OutboundHTTPError.unreachable)
            }
        }
    }
}
