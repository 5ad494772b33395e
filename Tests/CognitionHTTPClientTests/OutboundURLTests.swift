import CognitionCore
import CognitionHTTPClient
import Testing

@Suite struct OutboundURLTests {
    @Test(
        "URLs are written anew from their parts",
        arguments: [
            ("http://Example.COM", "http://example.com/"), ("HTTPS://example.com:443/a?b#c", "https://example.com/a?b"),
            ("http://example.com:80", "http://example.com/"),
            ("http://example.com:8080?q=1", "http://example.com:8080/?q=1"),
            ("http://example.com./x", "http://example.com/x"), ("http://0x7f.1/", "http://127.0.0.1/"),
            ("http://[2001:DB8:0::1]:81/", "http://[2001:db8::1]:81/"),
            ("http://e.com/a b?q=ä|%41%4", "http://e.com/a%20b?q=%C3%A4%7C%41%254"),
            ("http://e.com/%zz\\", "http://e.com/%25zz%5C"), ("http://e.com:/", "http://e.com/"),
            ("http://under_score.com/", "http://under_score.com/"),
        ])
    func written(_ text: String, _ expected: String) throws {
        #expect(try OutboundURL(text).description == expected)
    }

    @Test(
        "What cannot be meant honestly is refused",
        arguments: [
            "", "example.com", "ftp://example.com", "file:///etc/passwd", "http+unix://%2Ftmp%2Fs/",
            "http:/example.com", "http://",
            "http:///path", "http://user:pass@example.com/", "http://169.254.169.254@example.com/",
            "http://example.com\\@evil.com/",
            "http://exa mple.com/", "http://exämple.com/", "http://e.com:0/", "http://e.com:65536/", "http://e.com:8x/",
            "http://a..b/",
            "http://[::1/", "http://[fe80::1%25eth0]/", "http://[1.2.3.4]/", "http://[::1]x/", "http://1.2.3.4.5/",
            "http://256.1.1.1/",
            "http://1.2.3.09/", "http://4294967296/", "http://e.com/\r\nHost: x", "http://%65.com/",
            "http://\(String(repeating: "a", count: 64)).com/",
        ])
    func refused(_ text: String) {
        let error = #expect(throws: OutboundHTTPError.self) { try OutboundURL(text) }
        #expect(error?.code == OutboundHTTPError.invalidURL)
    }

    /// The examples of RFC 3986, section 5.4, that stay on http.
    @Test(
        "References are resolved as RFC 3986 says",
        arguments: [
            ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"), ("./", "http://a/b/c/"), ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"), ("../../g", "http://a/g"), ("../../../g", "http://a/g"), ("/./g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("g;x=1/../y", "http://a/b/c/y"), ("g?y/../x", "http://a/b/c/g?y/../x"), ("https://h/x", "https://h/x"),
            ("/a:b", "http://a/a:b"),
        ])
    func resolved(_ reference: String, _ expected: String) throws {
        #expect(try OutboundURL("http://a/b/c/d;p?q").resolving(reference).description == expected)
    }

    @Test(
        "References to other schemes are refused",
        arguments: ["ftp://h/", "javascript:alert(1)", "file:///x", "//user@h/", "http:g"])
    func foreign(_ reference: String) throws {
        let base = try OutboundURL("http://a/")
        #expect(throws: OutboundHTTPError.self) { try base.resolving(reference) }
    }
}
