import CognitionCore
import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension ServerTests {
    @Suite("Pages, health and metrics") struct PageTests {
        @Test(
            "Pages come from the server alone and may load nothing from elsewhere",
            arguments: ["/docs", "/redoc", "/ws/test"])
        func pages(path: String) async throws {
            let page = try await LiveServer.current.send("GET", path)
            #expect(page.status == 200 && page["content-type"] == "text/html; charset=utf-8", "\(page)")
            #expect(page["content-security-policy"]?.hasPrefix("default-src 'none'") == true)
            #expect(page["x-frame-options"] == "DENY" && page["referrer-policy"] == "no-referrer")
            for address in page.text.matches(of: #/(?:src|href)\s*=\s*["']([^"'#]+)/#) {
                #expect(!address.output.1.contains("//"), "\(path) loads \(address.output.1)")
            }
        }

        @Test("What the pages load is there", arguments: ["/docs/openapi.js", "/docs/openapi.css", "/openapi.json"])
        func assets(path: String) async throws {
            let asset = try await LiveServer.current.send("GET", path)
            #expect(asset.status == 200 && asset.body.count > 1_000, "\(asset)")
        }

        @Test("Health is open, in the words of its path, and tells strangers no details")
        func health() async throws {
            let server = try LiveServer.current
            let root = try await server.send("GET", "/health")
            #expect(root.status == 200 && root.json["status"] == "healthy", "\(root)")
            #expect(try await server.send("GET", "/api/v3/health/live").json == ["status": "alive"])
            let ready = try await server.send("GET", "/api/v3/health/ready")
            #expect(ready.json["ready"] == true && ready.json["phase"] == "ready", "\(ready)")
            let stranger = try await server.send("GET", "/api/v3/health/system")
            #expect(stranger.json["status"] == "HEALTHY" && stranger.json["checks"] == nil, "\(stranger)")
            let user = try await server.newUser()
            #expect(try await user.get("health/system").json["checks"] == nil)
            (try await server.send("GET", "/api/v3/health/system", token: "x")).expectProblem(401)
            let boss = try await server.send("GET", "/api/v3/health/system", token: try await server.operatorToken())
            #expect(boss.json["checks"]?["database"]?["status"] == "HEALTHY", "\(boss)")
        }

        @Test("Metrics count what was asked, by route and not by path")
        func metrics() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            let name = "m\(UInt32.random(in: .min ... .max))"
            _ = try await user.get("workflows/\(name)/latest")
            _ = try await server.send("GET", "/\(name)")
            let text = try await server.send("GET", "/metrics")
            #expect(text.status == 200 && text.mediaType == "text/plain", "\(text)")
            #expect(text.text.contains("http_server_requests"))
            #expect(text.text.contains("/api/v3/workflows/{id}/{version}"))
            #expect(!text.text.contains(name) && !text.text.contains(user.email))
            #expect(text.text.split(separator: "\n").allSatisfy { $0.utf8.count < 2_000 })
        }

        @Test("Other machines get metrics for the token only", .enabled(if: NetworkInterface.address != nil))
        func metricsFromElsewhere() async throws {
            let address = try #require(NetworkInterface.address)
            try await withSandbox { sandbox in
                for token in ["", "scrape"] {
                    let server = try await LiveServer.start(
                        in: sandbox, ["API_HOST": "0.0.0.0", "OBSERVABILITY_METRICS_TOKEN": token])
                    let user = try await server.newUser()
                    for given in [nil, "", "wrong", token, user.token] {
                        let request = LiveServer.request("GET", "/metrics", token: given)
                        let answer = try await withSocket(to: server.port, host: address) { socket in
                            try await socket.write(request)
                            return try await socket.answer()
                        }
                        if given == "scrape" {
                            #expect(answer.status == 200, "\(answer)")
                        } else {
                            answer.expectProblem(401, nil, "\(given ?? "no token")")
                        }
                    }
                    #expect(try await server.send("GET", "/metrics").status == 200, "the machine itself")
                    _ = await server.stop()
                }
            }
        }

        @Test("A request has one id, its own or a new one, in every answer")
        func requestIDs() async throws {
            let server = try LiveServer.current
            for path in ["/health", "/nix", "/api/v3/auth/me"] {
                let own = try await server.send("GET", path, headers: [("X-Request-ID", "Own_id-1.x")])
                #expect(own["x-request-id"] == "Own_id-1.x", "\(own)")
                if own.status >= 400 { #expect(own.json["request_id"] == "Own_id-1.x") }
                for bad in ["", "a b", "<script>", "ä", String(repeating: "a", count: 129)] {
                    let answer = try await server.send("GET", path, headers: [("X-Request-ID", bad)])
                    let id = try #require(answer["x-request-id"])
                    #expect(UUID(uuidString: id) != nil, "\(bad): \(id)")
                }
            }
            let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            #expect(
                try await server.send("GET", "/health", headers: [("traceparent", traceparent)])["traceparent"]
                    == traceparent)
        }

        @Test("Answers are not to be kept or guessed at")
        func headers() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            for answer in [
                try await user.get("auth/me"), try await user.get("workflows/nix/1"),
                try await server.send("GET", "/nix"), try await server.login(user.email),
            ] {
                #expect(
                    answer["x-content-type-options"] == "nosniff" && answer["cache-control"] == "no-store", "\(answer)")
                #expect(answer.headers.filter { $0.name == "x-request-id" }.count == 1)
            }
        }
    }
}

extension LiveServer {
    /// What the server leaves in its data folder for commands on the same machine.
    func operatorToken() async throws -> String {
        let path = sandbox.dataFolder + "/operator.token"
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        return try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .newlines)
    }
}

/// The network of the machine beside its loopback.
enum NetworkInterface {
    /// An IPv4 address that is not of the loopback, if the machine has one.
    static let address: String? = {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var next = list
        while let interface = next?.pointee {
            next = interface.ifa_next
            guard let address = interface.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET) else { continue }
            var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
            let isText = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
                inet_ntop(AF_INET, &pointer.pointee.sin_addr, &text, socklen_t(text.count)) != nil
            }
            let name = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            if isText, !name.hasPrefix("127.") { return name }
        }
        return nil
    }()
}
