import CognitionCore

/// What a server asks of a client that authenticates by Digest (RFC 7616), with `qop=auth` or, as before RFC 2617, none.
struct DigestChallenge: Sendable, Equatable {
    enum Algorithm: String, Sendable {
        case md5 = "MD5"
        case md5Session = "MD5-SESS"
        case sha256 = "SHA-256"
        case sha256Session = "SHA-256-SESS"

        var isSession: Bool { self == .md5Session || self == .sha256Session }

        func hash(_ text: String) -> String {
            switch self {
            case .md5, .md5Session: MD5Digest.hexadecimal(of: Array(text.utf8))
            case .sha256, .sha256Session: SHA256Digest(of: Array(text.utf8)).description
            }
        }
    }

    let realm: String
    let nonce: String
    let opaque: String?
    let algorithm: Algorithm
    /// As the server spells it; `nil` when it names none.
    let algorithmName: String?
    let hasQuality: Bool

    /// The strongest challenge of an answer that can be met; `nil` when there is none.
    init?(of response: OutboundResponse) {
        let challenges = response.headers.filter { $0.name.lowercased() == "www-authenticate" }
            .flatMap { Self.challenges(in: $0.value) }
        let strongest = challenges.first { $0.algorithm == .sha256 || $0.algorithm == .sha256Session }
        guard let challenge = strongest ?? challenges.first else { return nil }
        self = challenge
    }

    private init?(_ parameters: [String: String]) {
        guard let realm = parameters["realm"], let nonce = parameters["nonce"],
            let algorithm = Algorithm(rawValue: (parameters["algorithm"] ?? "MD5").uppercased())
        else { return nil }
        let qualities = parameters["qop"]?.split(separator: ",").map { $0.filter { $0 != " " }.lowercased() }
        guard qualities?.contains("auth") ?? true else { return nil }
        self.realm = realm
        self.nonce = nonce
        self.opaque = parameters["opaque"]
        self.algorithm = algorithm
        algorithmName = parameters["algorithm"]
        hasQuality = qualities != nil
    }

    /// The value of the `Authorization` header.
    func answer(
        to request: OutboundRequest, username: String, password: String, clientNonce: String
    ) -> String {
        let uri = Self.requestTarget(of: request.url)
        var secret = algorithm.hash("\(username):\(realm):\(password)")
        if algorithm.isSession { secret = algorithm.hash("\(secret):\(nonce):\(clientNonce)") }
        let target = algorithm.hash("\(request.method):\(uri)")
        let count = "00000001"
        let response = algorithm.hash(
            hasQuality
                ? "\(secret):\(nonce):\(count):\(clientNonce):auth:\(target)" : "\(secret):\(nonce):\(target)")
        var parts = [
            "username=\(Self.quoted(username))", "realm=\(Self.quoted(realm))", "nonce=\(Self.quoted(nonce))",
            "uri=\(Self.quoted(uri))", "response=\"\(response)\"",
        ]
        if let algorithmName { parts.append("algorithm=\(algorithmName)") }
        if hasQuality { parts += ["qop=auth", "nc=\(count)"] }
        if hasQuality || algorithm.isSession { parts.append("cnonce=\"\(clientNonce)\"") }
        if let opaque { parts.append("opaque=\(Self.quoted(opaque))") }
        return "Digest " + parts.joined(separator: ", ")
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    /// Path and query of a URL.
    static func requestTarget(of url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return "/" }
        let rest = url[scheme.upperBound...].prefix { $0 != "#" }
        guard let start = rest.firstIndex(where: { $0 == "/" || $0 == "?" }) else { return "/" }
        return rest[start] == "?" ? "/" + rest[start...] : String(rest[start...])
    }

    // MARK: Reading

    /// The Digest challenges of a header (RFC 9110, section 11.6.1), which may hold those of other schemes as well.
    private static func challenges(in header: String) -> [DigestChallenge] {
        var found: [[String: String]] = []
        var isDigest = false
        var rest = Substring(header)
        while true {
            rest = rest.drop { $0 == " " || $0 == "," || $0 == "\t" }
            let word = rest.prefix { $0 != " " && $0 != "," && $0 != "=" && $0 != "\t" }
            guard !word.isEmpty else { break }
            rest = rest[word.endIndex...]
            let afterSpace = rest.drop { $0 == " " || $0 == "\t" }
            guard afterSpace.first == "=" else {
                // A scheme; what follows are its parameters.
                isDigest = word.lowercased() == "digest"
                if isDigest { found.append([:]) }
                continue
            }
            rest = afterSpace.dropFirst().drop { $0 == " " || $0 == "\t" || $0 == "=" }
            let value = value(&rest)
            if isDigest { found[found.count - 1][word.lowercased()] = value }
        }
        return found.compactMap { DigestChallenge($0) }
    }

    private static func value(_ rest: inout Substring) -> String {
        guard rest.first == "\"" else {
            let token = rest.prefix { $0 != "," && $0 != " " }
            rest = rest[token.endIndex...]
            return String(token)
        }
        rest = rest.dropFirst()
        var value = ""
        while let character = rest.popFirst(), character != "\"" {
            if character == "\\", let next = rest.popFirst() { value.append(next) } else { value.append(character) }
        }
        return value
    }
}
