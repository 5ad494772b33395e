import CognitionCore
import Testing

@Suite struct MailMessageTests {
    private static let time = Timestamp("2026-11-27T14:16:06.5Z") ?? Timestamp(microseconds: 0)
    private static let id = UUIDv7("01a1fcff-88a1-77b7-8af7-d9af5781d469") ?? UUIDv7(high: 0, low: 0)

    private func lines(
        to: String = "ada@example.com", subject: String = "Hello", text: String = "Hi\nthere\n",
        from name: String? = "cognitionos", _ time: Timestamp = time
    ) throws -> [String] {
        let message = MailMessage(
            id: Self.id, to: try #require(MailAddress(to)), subject: subject, text: text, time: time)
        let sender = MailSender(name: name, address: try #require(MailAddress("no-reply@example.org")))
        let bytes = message.encoded(from: sender)
        let text = try #require(String(validating: bytes, as: UTF8.self))
        // No line feed without a carriage return, and the other way round.
        #expect(bytes.count { $0 == 10 } == bytes.count { $0 == 13 })
        return text.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test("A mail of ASCII is readable as it stands")
    func plain() throws {
        #expect(
            try lines() == [
                "Date: Fri, 27 Nov 2026 14:16:06 +0000", "From: cognitionos <no-reply@example.org>",
                "To: ada@example.com", "Message-ID: <01a1fcff-88a1-77b7-8af7-d9af5781d469@example.org>",
                "Subject: Hello", "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
                "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 7bit", "", "Hi", "there", "", "",
            ])
        #expect(
            try lines(Timestamp("1969-12-31T23:59:59.9Z") ?? Self.time)[0] == "Date: Wed, 31 Dec 1969 23:59:59 +0000")
        #expect(try lines(Timestamp("2024-02-29T00:00:00Z") ?? Self.time)[0] == "Date: Thu, 29 Feb 2024 00:00:00 +0000")
    }

    @Test("What is not ASCII, or would be taken for something else, is encoded")
    func encoded() throws {
        let mail = try lines(
            subject: "Grüße, 数学 \(String(repeating: "ß", count: 60))",
            text: "Zürich = schön \n" + String(repeating: "é", count: 40),
            from: "Büro")
        #expect(mail[1] == "From: =?utf-8?Q?B=C3=BCro?=" && mail[2] == " <no-reply@example.org>")
        #expect(mail.contains("Content-Transfer-Encoding: quoted-printable"))
        #expect(mail.allSatisfy { $0.utf8.count <= 76 && $0.utf8.allSatisfy { $0 < 0x80 } })
        #expect(mail.contains("Z=C3=BCrich =3D sch=C3=B6n=20"))
        let subject = mail.drop { !$0.hasPrefix("Subject") }.prefix { $0.hasPrefix("Subject") || $0.hasPrefix(" ") }
        #expect(
            subject.count > 5 && subject.dropFirst().allSatisfy { $0.hasPrefix(" =?utf-8?Q?") && $0.hasSuffix("?=") })
        // A character stands whole in one word: every word is UTF-8 by itself.
        #expect(subject.allSatisfy { !$0.contains("?=C3?=") && !$0.contains("?Q?=9F") })
        #expect(try lines(from: "A \"b\" \\ c")[1] == "From: \"A \\\"b\\\" \\\\ c\" <no-reply@example.org>")
        #expect(try lines(subject: "=?utf-8?Q?x?=")[4] == "Subject: =?utf-8?Q?=3D=3Futf=2D8=3FQ=3Fx=3F=3D?=")
        #expect(
            try lines(text: String(repeating: "x", count: 999)).contains("Content-Transfer-Encoding: quoted-printable"))
    }

    @Test("Nothing that people type becomes a header of its own")
    func injection() throws {
        let mail = try lines(subject: "a\r\nBcc: eve@example.com\n\nb", from: "x\r\nBcc: eve@example.com")
        #expect(!mail.contains { $0.hasPrefix("Bcc") })
        #expect(mail.firstIndex(of: "") == 9)
    }

    @Test(
        "Addresses that mail can be sent to, as they stand in a header",
        arguments: [
            ("ada@example.com", "ada@example.com"), ("a.b+c@x", "a.b+c@x"), ("a,b@x.y", "\"a,b\"@x.y"),
            ("a\"b\\@x.y", "\"a\\\"b\\\\\"@x.y"), ("a..b@x.y", "\"a..b\"@x.y"), (".a@x.y", "\".a\"@x.y"),
            ("jörg@bücher.example", "jörg@bücher.example"), ("<a>@x", "\"<a>\"@x"),
        ])
    func addresses(text: String, header: String) {
        #expect(MailAddress(text)?.headerText == header)
        #expect(MailAddress(text)?.text == text)
    }

    @Test(
        "Addresses that no mail can be sent to",
        arguments: [
            "", "a", "@b", "a@", "a@b@c", "a@b,c", "a@b>", "a@b c", "a b@c", "a@-b", "a@b-", "a@b..c", "a@.b", "a@b.",
            "a@[127.0.0.1]", "a\n@b", "a@b\r\nBcc", "a@b;c", "a@b:25", "a\u{202E}@b", "a@b_c",
        ])
    func refused(text: String) {
        #expect(MailAddress(text) == nil)
        #expect(MailAddress(String(repeating: "a", count: 65) + "@b") == nil)
        #expect(MailAddress("a@" + String(repeating: "b", count: 64)) == nil)
    }
}
