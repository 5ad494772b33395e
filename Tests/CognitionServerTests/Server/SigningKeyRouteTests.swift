import CognitionCore
import Foundation
import Testing

extension ServerTests {
    @Suite("Signing keys") struct SigningKeyRouteTests {
        @Test("Keys are listed without their secrets and exchanged, by operators only; nobody is logged out")
        func rotate() async throws {
            let server = try LiveServer.current
            let user = try await server.newUser()
            var boss = user
            boss.token = try await server.operatorToken()
            (try await user.get("auth/signing-keys")).expectProblem(403, "request.permission_denied")
            (try await user.post("auth/signing-keys/rotate", [:])).expectProblem(403, "request.permission_denied")
            (try await boss.post("auth/signing-keys/rotate", ["drop": true])).expectProblem(400, "request.body_invalid")

            let before = try await boss.get("auth/signing-keys")
            let old = try #require(before.json["items"]?.arrayValue?.first)
            let rotated = try await boss.post("auth/signing-keys/rotate", [:])
            let items = try #require(rotated.json["items"]?.arrayValue)
            #expect(items[0]["state"] == "current" && items[0]["id"] != old["id"])
            #expect(items[1]["state"] == "previous" && items[1]["id"] == old["id"])
            let file = try String(contentsOfFile: server.sandbox.dataFolder + "/keys.json", encoding: .utf8)
            #expect(file.contains(try items[0].text("id")))
            for secret in try JSONValue(parsing: file)["keys"]?.arrayValue ?? [] {
                #expect(!rotated.text.contains(try secret.text("secret")))
            }
            #expect(try await user.get("auth/me").status == 200)
            let newcomer = try await server.newUser()
            #expect(try JWT(newcomer.token).header["kid"] == items[0]["id"])
            #expect(try await newcomer.get("auth/me").status == 200)
            let entries = try await boss.all("auth/audit?action=key.rotate", limit: 50)
            #expect(entries.first?["target"] == .string("key:\(try items[0].text("id"))"))
        }

        @Test("With HS256 there are no public keys to show")
        func noPublicKeys() async throws {
            let answer = try await LiveServer.current.send("GET", "/.well-known/jwks.json")
            #expect(answer.status == 200 && answer.json == ["keys": []])
            #expect(answer["cache-control"] == "public, max-age=300")
        }
    }
}

/// Tokens, checked and made by PyJWT: by what `/.well-known/jwks.json` shows, or for HS256 the secret.
@Suite("Tokens and another library", .timeLimit(.minutes(3))) struct TokenPeerTests {
    @Test(
        "PyJWT takes our tokens, we take its, and each refuses what is wrong", arguments: ["HS256", "ES256", "EdDSA"])
    func peer(algorithm: String) async throws {
        try await withSandbox { sandbox in
            let server = try await LiveServer.start(in: sandbox, ["SECURITY_ALGORITHM": algorithm])
            let user = try await server.newUser()
            let ring = try String(contentsOfFile: sandbox.dataFolder + "/keys.json", encoding: .utf8)
            let keys = try #require(try JSONValue(parsing: ring)["keys"]?.arrayValue)
            let key = try #require(keys.first { $0["purpose"] == "jwt" })
            #expect(key["algorithm"] == .string(algorithm))
            let task: JSONValue = [
                "algorithm": .string(algorithm), "token": .string(user.token),
                "jwks": (try await server.send("GET", "/.well-known/jwks.json")).json, "secret": key["secret"] ?? .null,
                "kid": key["id"] ?? .null,
            ]
            let python =
                ProcessInfo.processInfo.environment["COGNITIONOS_PEER_PYTHON"]
                ?? Binary.repository() + "/.build/peers/bin/python"
            let script = Binary.repository() + "/Tests/CognitionServerTests/Peer/jwt_peer.py"
            let ending = try await sandbox.start([script], executable: python, input: task.jsonText).ending()
            try #require(ending.exitCode == 0, "\(ending.output)\(ending.errors)")
            let answer = try JSONValue(parsing: ending.output)
            #expect(answer["claims"]?["sub"] == .string(user.id) && answer["claims"]?["iss"] == "cognitionos")
            #expect(answer["header"]?["typ"] == "at+jwt" && answer["header"]?["alg"] == .string(algorithm))

            let good = try await server.send("GET", "/api/v3/auth/me", token: try answer.text("good"))
            #expect(good.status == 200 && good.json["id"] == .string(user.id), "\(good)")
            let forgeries = try #require(answer["forgeries"]?.objectValue)
            #expect(forgeries.count >= 9)
            for (name, token) in forgeries {
                let refused = try await server.send("GET", "/api/v3/auth/me", token: token.stringValue)
                refused.expectProblem(401, "identity.token_invalid", "\(name)")
            }
            _ = await server.stop()

            // Another algorithm in the settings: a new key signs, and the old one still checks.
            let other = algorithm == "EdDSA" ? "ES256" : "EdDSA"
            let second = try await LiveServer.start(in: sandbox, ["SECURITY_ALGORITHM": other])
            #expect(try await second.send("GET", "/api/v3/auth/me", token: user.token).status == 200)
            let tokens = try await second.login(user.email)
            #expect(try JWT(try tokens.json.text("access_token")).header["alg"] == .string(other))
            _ = await second.stop()
        }
    }
}
