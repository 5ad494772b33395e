import CognitionCore
import CognitionHTTP

extension ServerConfiguration {
    /// The certificate and key that the settings name; `nil` for plain HTTP.
    /// - Throws: `CommandFailure` when only one is named; `tls.file_invalid`, `tls.key_mismatch`.
    var tls: TLSIdentity? {
        get throws {
            let (certificate, key) = (self[.tlsCertificate], self[.tlsKey])
            guard certificate.isEmpty == key.isEmpty else {
                throw CommandFailure("API_TLS_CERTIFICATE and API_TLS_KEY go together, and only one is set")
            }
            guard !certificate.isEmpty else { return nil }
            return try TLSIdentity(certificatePath: absolute(certificate), keyPath: absolute(key))
        }
    }

    /// - Throws: `request.proxy_invalid`.
    var trustedProxies: TrustedProxies {
        get throws {
            try TrustedProxies(list(.trustedProxies), writing: .init(rawValue: self[.proxyHeaders].lowercased()))
        }
    }

    /// - Throws: `request.proxy_invalid`.
    var edge: HTTPServer.Edge {
        get throws {
            var edge = HTTPServer.Edge()
            edge.origins = list(.corsOrigins)
            edge.proxies = try trustedProxies
            edge.rateLimits.principal = number(.rateLimit)
            edge.rateLimits.workspace = number(.workspaceRateLimit)
            edge.rateLimits.address = number(.addressRateLimit)
            edge.compressesFrom = number(.compression) > 0 ? number(.compression) : nil
            return edge
        }
    }

    func checkOrigins() throws {
        for origin in list(.corsOrigins) where origin != "*" {
            let parts = origin.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 3 || parts.count == 4 && parts[3].isEmpty, ["http:", "https:"].contains(parts[0]),
                parts[1].isEmpty, !parts[2].isEmpty
            else { throw CommandFailure("'\(origin)' is no origin: scheme://host or scheme://host:port") }
        }
    }
}
