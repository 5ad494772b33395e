import CognitionCore
import CognitionHTTPClient
import Testing

@Suite struct EgressRulesTests {
    private func allows(_ rules: EgressRules, _ text: String) throws -> Bool {
        let url = try OutboundURL(text)
        switch rules.verdict(host: url.origin.host) {
        case .allowed: return true
        case .refused: return false
        case .byAddress: return try rules.allows(#require(url.address, "\(text) has a name"))
        }
    }

    @Test(
        "Link-local, metadata and meaningless addresses are refused in every spelling",
        arguments: [
            "http://169.254.169.254/latest/meta-data", "http://169.254.0.1", "http://169.254.255.255:8080",
            "http://2852039166/", "http://0xA9FEA9FE/", "http://0xa9.0xfe.0xa9.0xfe/", "http://0251.0376.0251.0376/",
            "http://169.254.43518/", "http://169.16689662/", "http://169.254.169.254./", "http://0x0a9fea9fe",
            "http://[fe80::1]/", "http://[febf::1]/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:a9fe:a9fe]/",
            "http://[::169.254.169.254]/", "http://[64:ff9b::169.254.169.254]/", "http://[2002:a9fe:a9fe::1]/",
            "http://[0:0:0:0:0:ffff:a9fe:a9fe]/", "http://[fd00:ec2::254]/", "http://[fd20:ce::254]/",
            "http://100.100.100.200/",
            "http://192.0.0.192/", "http://168.63.129.16/", "http://0.0.0.0/", "http://0/", "http://0.1.2.3/",
            "http://[::]/",
            "http://[::ffff:0.0.0.0]/", "http://224.0.0.1/", "http://255.255.255.255/", "http://[ff02::1]/",
            "http://metadata.google.internal/", "http://METADATA.GOOGLE.INTERNAL./", "http://metadata/",
            "http://instance-data/",
        ])
    func refused(_ url: String) throws {
        #expect(try allows(.standard, url) == false)
    }

    @Test(
        "Public, private and loopback addresses are allowed by default",
        arguments: [
            "http://1.1.1.1", "http://127.0.0.1:8100", "http://2130706433/", "http://[::1]/", "http://10.1.2.3",
            "http://192.168.0.1",
            "http://172.16.0.1", "http://[fd12::1]/", "http://[2606:4700::1111]/", "http://169.253.255.255",
            "http://170.254.0.1",
            "http://[fec0::1]", "http://100.100.100.201", "https://223.255.255.255",
        ])
    func allowed(_ url: String) throws {
        #expect(try allows(.standard, url) == true)
    }

    @Test(
        "Denying private closes loopback and private ranges, and nothing else",
        arguments: [
            ("http://127.0.0.1", false), ("http://127.255.1.1", false), ("http://[::1]", false),
            ("http://[::ffff:127.0.0.1]", false),
            ("http://10.0.0.1", false), ("http://172.31.255.255", false), ("http://172.32.0.1", true),
            ("http://192.168.1.1", false),
            ("http://100.64.0.1", false), ("http://[fd00::1]", false), ("http://localhost", false),
            ("http://api.localhost", false),
            ("http://0x7f.1", false), ("http://017700000001", false), ("http://1.1.1.1", true),
            ("http://[2606:4700::1]", true),
        ])
    func privateDenied(_ url: String, _ expected: Bool) throws {
        #expect(try allows(EgressRules(deny: ["private"], allow: []), url) == expected)
    }

    @Test(
        "What is allowed by name or range wins",
        arguments: [
            ("http://169.254.169.254", true), ("http://169.254.169.253", false), ("http://127.0.0.1", true),
            ("http://10.0.0.1", false),
            ("http://metadata.google.internal", true), ("http://deep.example.com", true), ("http://203.0.113.9", false),
            ("http://bad.example.org", false),
        ])
    func precedence(_ url: String, _ expected: Bool) throws {
        let rules = try EgressRules(
            deny: ["PRIVATE", "203.0.113.0/24", "bad.example.org", "deep.example.com"],
            allow: ["169.254.169.254", "127.0.0.0/8", "metadata.google.internal", "*.example.com"])
        #expect(try allows(rules, url) == expected)
    }

    @Test("Entries that mean nothing are named")
    func invalid() throws {
        let error = try #require(throws: OutboundHTTPError.self) {
            try EgressRules(
                deny: ["10.0.0.0/33", "ok.example"], allow: ["a b", "http://x", "private/8", "fd00::/129"])
        }
        #expect(error.code.name == "http_client.invalid_rule")
        for entry in ["10.0.0.0/33", "a b", "http://x", "private/8", "fd00::/129"] {
            #expect(error.message.contains("'\(entry)'"))
        }
        #expect(!error.message.contains("ok.example"))
    }

    @Test("A name with a star covers what is below it and nothing beside")
    func wildcard() throws {
        let rules = try EgressRules(deny: ["*.example.com"], allow: [])
        #expect(rules.verdict(host: "a.b.example.com") == .refused)
        #expect(rules.verdict(host: "example.com") == .byAddress)
        #expect(rules.verdict(host: "badexample.com") == .byAddress)
    }
}
