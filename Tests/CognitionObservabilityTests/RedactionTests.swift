import CognitionCore
import Testing

@testable import enum CognitionObservability.Redaction

@Suite struct RedactionTests {
    private static let apiKey = "cog_3kTMd9xQ_" + String(repeating: "a7", count: 24) + "b"
    private static let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

    @Test(
        "Secrets in texts are masked",
        arguments: [
            ("GET /ws/connect?token=hunter2 HTTP/1.1", "GET /ws/connect?token=•••• HTTP/1.1"),
            ("/x?a=1&access_token=hunter2&b=2#c", "/x?a=1&access_token=••••&b=2#c"),
            ("/x?refresh_token=hun,ter;2)", "/x?refresh_token=••••"),
            ("?API-Key=hunter2 ?x.password=hunter2", "?API-Key=•••• ?x.password=••••"),
            ("password=hunter2\nnext", "password=••••\nnext"),
            ("Authorization: Bearer hunter2", "Authorization: ••••"),
            ("proxy-authorization:Basic aHVudGVyMg==\r\nHost: x", "proxy-authorization:••••\r\nHost: x"),
            ("sent Bearer hunter2hunter2hunter2, refused", "sent Bearer ••••, refused"),
            (#"{"password":"hunter2","a":1,"apiKey" : "x"}"#, #"{"password":"••••","a":1,"apiKey" : "x"}"#),
            (#"{"a":{"client_secret": "hunter2"}}"#, #"{"a":{"client_secret": "••••"}}"#),
            (#"{"token":12345}"#, #"{"token":••••"#),
            ("postgres://user:hun:ter2@host:5432/db", "postgres://user:••••@host:5432/db"),
            ("amqp://u:hunter2@[::1]/", "amqp://u:••••@[::1]/"),
            ("refused \(token)", "refused ••••"), ("<\(token)> and \(token)", "<••••> and ••••"),
            ("key \(apiKey)!", "key cog_3kTMd9xQ_••••!"), ("[\(apiKey)]", "[cog_3kTMd9xQ_••••]"),
            ("a=\(token)", "a=\(token)"), ("token=", "token="), ("=x", "=x"), ("token=••••", "token=••••"),
        ])
    func masked(text: String, expected: String) { #expect(Redaction.masking(text) == expected) }

    @Test(
        "Other texts stay as they are",
        arguments: [
            "", "=", ":", "Task retried", "tokens=12", "usage.input_tokens=5&n=2", "http://host:8100/a?b=c",
            "https://example.com/a@b:c", "Bearer authentication", "unexpected token: }", "error: token expired",
            "a = b == c", "monkey=1", "2026-11-21T03:31:00Z", "::1", "user@host:22", "eyJ", "eyJust.a.name2.not",
            "cog_3kTMd9xQ", "cognitive dissonance", "cog_",
            "ä=ö\u{0}\u{1F600}",
        ])
    func kept(text: String) {
        // The one with two dots looks like a token and is masked; it is here to show what that costs.
        if text.hasPrefix("eyJust") { return #expect(Redaction.masking(text) == Secret.mask) }
        #expect(Redaction.masking(text) == text)
    }

    @Test("Whatever the text, nothing breaks and nothing is cut off without a mask")
    func random() {
        var random = SplitMix64(seed: 7)
        let parts = [
            "token", "=", "&", ":", "\"", "//", "@", " ", "Bearer", "eyJ", "cog_3kTMd9xQ_", ".", "a", "ü",
            "authorization", "\n",
        ]
        for _ in 0..<5_000 {
            let text = (0..<Int.random(in: 0..<30, using: &random)).map { _ in
                parts[Int.random(in: 0..<parts.count, using: &random)]
            }.joined()
            let masked = Redaction.masking(text)
            if !masked.contains(Secret.mask) { #expect(masked == text) }
            // What is left of the text stands in its order.
            var rest = text[...]
            for part in masked.split(separator: Secret.mask) {
                guard let range = rest.firstRange(of: part) else { return #expect(Bool(false), "\(text) -> \(masked)") }
                rest = rest[range.upperBound...]
            }
        }
    }
}
