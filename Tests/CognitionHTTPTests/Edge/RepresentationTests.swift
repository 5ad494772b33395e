import CognitionHTTP
import Testing

@Suite("Codings and entity tags") struct RepresentationTests {
    @Test(
        "Accept-Encoding is read with its weights",
        arguments: [
            ("gzip", true), ("gzip, deflate, br", true), ("GZIP", true), ("x-gzip", true), ("*", true),
            ("br;q=1.0, gzip;q=0.8, *;q=0.1", true), ("identity, gzip", true), ("gzip;q=0.001", true),
            ("gzip ; q=0.5", true), ("deflate, *;q=0.5", true), ("gzip;Q=0.4", true),
            ("", false), ("br", false), ("identity", false), ("gzip;q=0", false), ("gzip;q=0.0", false),
            ("*;q=0", false), ("gzip;q=0, *", false), ("identity;q=1, gzip;q=0.5", false), ("gzip;q=x", false),
            ("gzip;q=2", false), ("gzip;q", false), ("gzippy", false), (",,;", false),
        ] as [(String, Bool)])
    func codings(header: String, prefersGzip: Bool) {
        #expect(AcceptedCodings(header).prefersGzip == prefersGzip)
    }

    @Test("Without the header nothing is compressed")
    func noHeader() { #expect(!AcceptedCodings(nil).prefersGzip) }

    @Test("A tag tells bytes apart, and is the same everywhere")
    func tags() {
        let texts = [
            "", "a", "b", "ab", "ba", "abcdefgh", "abcdefgi", "abcdefgh\0", String(repeating: "x", count: 1_000),
        ]
        #expect(Set(texts.map { EntityTag(of: Array($0.utf8)) }).count == texts.count)
        #expect(EntityTag(of: Array("durable".utf8)) == EntityTag(of: Array("durable".utf8)))
        #expect(EntityTag(of: [1]).text.wholeMatch(of: #/W/"[0-9a-z]+"/#) != nil)
    }

    @Test("If-None-Match names a tag weakly, in a list, or all")
    func conditions() {
        let tag = EntityTag(of: [1, 2, 3])
        let opaque = tag.text.dropFirst(2)
        for header in [tag.text, String(opaque), "*", "\"x\", \(tag.text)", "\"x\",\(opaque) , W/\"y\""] {
            #expect(tag.isNamed(by: header), "\(header)")
        }
        for header in ["", "\"x\"", "W/\"x\"", String(opaque.dropFirst().dropLast())] {
            #expect(!tag.isNamed(by: header), "\(header)")
        }
    }
}
