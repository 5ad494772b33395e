import CognitionCore

/// One variable of the configuration: what reads it, what `check` prints of it, what the documentation lists.
struct Setting: Sendable {
    enum Kind: Sendable {
        case text
        /// One of these words.
        case choice([String])
        case number(ClosedRange<Int>)
        /// Names separated by commas.
        case list
        /// A path; relative ones start at the working folder.
        case path
    }

    let name: String
    let kind: Kind
    let standard: String
    let isSecret: Bool
    let summary: String

    init(_ name: String, _ kind: Kind, standard: String = "", isSecret: Bool = false, _ summary: String) {
        self.name = name
        self.kind = kind
        self.standard = standard
        self.isSecret = isSecret
        self.summary = summary
    }

    /// What is wrong with a value, if anything is.
    func fault(in value: String) -> String? {
        switch kind {
        case .text, .list, .path: nil
        case .choice(let words): words.contains(value.lowercased()) ? nil : "is one of \(words.joined(separator: ", "))"
        case .number(let range):
            Int(value).map(range.contains) == true
                ? nil : "is a whole number from \(range.lowerBound) to \(range.upperBound)"
        }
    }
}

extension Setting {
    static let environment = Setting(
        "ENVIRONMENT", .choice(["development", "production"]), standard: "development",
        "What the installation is for; nothing depends on it in this release.")
    static let dataDir = Setting("DATA_DIR", .path, standard: "./data", "The folder of the database and its lock.")
    static let databaseURL = Setting(
        "DATABASE_URL", .text, "Where the database is: sqlite:PATH; without it cognition.db in DATA_DIR.")
    static let concurrency = Setting(
        "WORKFLOWS_CONCURRENCY", .number(1...100_000), standard: "256", "Effect tasks in flight.")
    static let fileRoots = Setting(
        "WORKFLOWS_FILE_ROOTS", .list, "Folders that call: documents may read, besides those given as input.")
    static let connectionsPerHost = Setting(
        "HTTP_CLIENT_CONNECTIONS_PER_HOST", .number(1...10_000), standard: "64",
        "Outbound exchanges with one host at once.")
    static let egressDeny = Setting(
        "EGRESS_DENY", .list, "Hosts, addresses and ranges that workflows may not call; or private.")
    static let egressAllow = Setting(
        "EGRESS_ALLOW", .list, "Hosts, addresses and ranges that workflows may call all the same.")
    static let logLevel = Setting(
        "OBSERVABILITY_LOG_LEVEL", .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
        standard: "info", "The least severe lines that are written.")
    static let logFormat = Setting(
        "OBSERVABILITY_LOG_FORMAT", .choice(["json", "text"]), standard: "text",
        "How log lines look, on standard error.")
    static let languageModelProvider = Setting(
        "LLM_DEFAULT_PROVIDER", .choice(["local"]), standard: "local",
        "Who answers call: llm when the task names nobody.")

    static let all = [
        environment, dataDir, databaseURL, concurrency, fileRoots, connectionsPerHost, egressDeny, egressAllow,
        logLevel,
        logFormat, languageModelProvider,
    ]
}
