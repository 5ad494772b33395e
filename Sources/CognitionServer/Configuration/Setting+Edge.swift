import CognitionCore

/// How the server stands to the world around it.
extension Setting {
    static let tlsCertificate = Setting(
        "API_TLS_CERTIFICATE", .path,
        "A PEM file with the server's certificate and those that lead to a root; with API_TLS_KEY the server speaks TLS."
    )
    static let tlsKey = Setting(
        "API_TLS_KEY", .path, "A PEM file with the certificate's private key, not encrypted.")
    static let trustedProxies = Setting(
        "API_TRUSTED_PROXIES", .list,
        "Addresses and CIDR ranges of proxies whose Forwarded and X-Forwarded-* headers are believed.")
    static let proxyHeaders = Setting(
        "API_PROXY_HEADERS", .choice(["forwarded", "x-forwarded"]),
        "Which headers the proxies write; the others are then not read. Empty: whichever of the two is there, and where both are, neither is believed."
    )
    static let rateLimit = Setting(
        "API_RATE_LIMIT_PER_MINUTE", .number(0...60_000_000), standard: "0",
        "Requests a minute of one principal, and of one address where no token is needed, on each node; 0 for no limit."
    )
    static let workspaceRateLimit = Setting(
        "API_RATE_LIMIT_WORKSPACE_PER_MINUTE", .number(0...60_000_000), standard: "0",
        "Requests a minute of one workspace, on each node; 0 for no limit.")
    static let addressRateLimit = Setting(
        "API_RATE_LIMIT_ADDRESS_PER_MINUTE", .number(0...60_000_000), standard: "0",
        "Requests a minute of one address, with or without a token, on each node; 0 for no limit.")
    static let compression = Setting(
        "API_COMPRESS_FROM_BYTES", .number(0...1_073_741_824), standard: "1024",
        "Answers of so many bytes are compressed for clients that take gzip; 0 for none.")

    static let edge = [
        tlsCertificate, tlsKey, trustedProxies, proxyHeaders, rateLimit, workspaceRateLimit, addressRateLimit,
        compression,
    ]
}
