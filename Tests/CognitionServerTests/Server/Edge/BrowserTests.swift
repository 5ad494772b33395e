import CognitionCore
import Foundation
import Testing

extension ServerTests {
    @Suite("In a browser") struct BrowserTests {
        static let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
            .first { FileManager.default.isExecutableFile(atPath: $0) }

        @Test("The pages can be read and used: log in, ask, make, search; nothing comes from elsewhere")
        func pages() async throws {
            let chromium = try #require(Self.chromium, "Scripts/install-dependencies test installs chromium")
            let user = try await LiveServer.current.newUser()
            let sandbox = user.server.sandbox
            let script = Binary.repository() + "/Tests/CognitionServerTests/Peer/browse_docs.py"
            let program = try sandbox.start(
                [
                    script, chromium, "http://127.0.0.1:\(user.server.port)", user.email, APIUser.password,
                    sandbox.folder + "/browser",
                ], executable: PeerPython.path)
            let ending = await program.ending()
            try #require(ending.exitCode == 0, "\(ending.output)\(ending.errors)")
            let seen = try JSONValue(parsing: ending.output)
            #expect(seen["title"] == "CognitionOS API", "\(seen.jsonText)")
            #expect(seen["operations"]?.integerValue == Int64(user.server.contract.operations.count))
            #expect(seen["before"] == "401 Unauthorized" && seen["after"] == "200 OK" && seen["made"] == "201 Created")
            #expect(seen["shows_email"] == true && seen["shows_name"] == true, "\(seen.jsonText)")
            #expect((1...5).contains(seen["found"]?.integerValue ?? 0), "\(seen.jsonText)")
            #expect(seen["reference"]?.integerValue ?? 0 > 20_000, "\(seen.jsonText)")
            #expect(seen["elsewhere"] == [] && seen["complaints"] == [], "\(seen.jsonText)")
        }

        @Test(
            "The inspector of the WebSocket: what comes and goes, broken off and resumed, replayed, filtered, by keys")
        func inspector() async throws {
            let chromium = try #require(Self.chromium, "Scripts/install-dependencies test installs chromium")
            let user = try await LiveServer.current.newUser()
            let sandbox = user.server.sandbox
            let script = Binary.repository() + "/Tests/CognitionServerTests/Peer/browse_websocket.py"
            let program = try sandbox.start(
                [
                    script, chromium, "http://127.0.0.1:\(user.server.port)", user.email, APIUser.password,
                    sandbox.folder + "/inspector",
                ], executable: PeerPython.path, environment: ["PYTHONDONTWRITEBYTECODE": "1"])
            let ending = await program.ending()
            try #require(ending.exitCode == 0, "\(ending.output)\(ending.errors)")
            let seen = try JSONValue(parsing: ending.output)
            for name in ["target", "offsets", "replayed", "filtered", "paused", "filter_key", "help", "whole", "fits"] {
                #expect(seen[name] == true, "\(name): \(seen.jsonText)")
            }
            #expect(seen["state"] == "connected" && seen["sent"] == 1, "\(seen.jsonText)")
            #expect(seen["lines"] == [true, true, true, true] && seen["token_shown"] == false, "\(seen.jsonText)")
            #expect(seen["nameless"] == [] && seen["elsewhere"] == [] && seen["complaints"] == [], "\(seen.jsonText)")
        }
    }
}

/// The Python that has the packages which tests compare with.
enum PeerPython {
    static let path =
        ProcessInfo.processInfo.environment["COGNITIONOS_PEER_PYTHON"] ?? Binary.repository()
        + "/.build/peers/bin/python"
}
