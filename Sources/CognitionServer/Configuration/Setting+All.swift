import CognitionCore

/// Every setting there is, by what it concerns.
extension Setting {
    static let all =
        general + server + storage + events + redis + rabbitMQ + workflows + scheduler + search + sandbox
        + languageModels
        + security + webSocket
        + observability + tracing

    // MARK: General

    static let environment = Setting(
        "ENVIRONMENT", .choice(["development", "production"]), standard: "development",
        "What the installation is for: production refuses weak keys, and registration is by invitation.")
    static let serviceName = Setting(
        "SERVICE_NAME", .text, standard: "cognitionos", "Who issues tokens, and what logs call the service.")
    static let dataDir = Setting(
        "DATA_DIR", .path, standard: "./data", "The folder of the database, the keys and the lock.")

    static let mailFrom = Setting(
        "MAIL_FROM", .text, standard: "no-reply@localhost", "The address that mails come from.")

    private static let general = [environment, serviceName, dataDir, mailFrom]

    // MARK: Server

    static let host = Setting("API_HOST", .text, standard: "127.0.0.1", "The address that the server listens on.")
    static let port = Setting("API_PORT", .number(0...65_535), standard: "8100", "Its port; 0 takes a free one.")
    static let bodyBytesMax = Setting(
        "API_MAX_BODY_BYTES", .number(1_024...1_073_741_824), standard: "8388608", "Bytes of a request's body.")
    static let corsOrigins = Setting(
        "API_CORS_ORIGINS", .list,
        "Origins of web pages that may read answers and open WebSockets, besides the server's own; * for all.")
    static let requestTimeout = Setting(
        "API_REQUEST_TIMEOUT", .duration(.seconds(1)...(.seconds(3_600)), bare: .seconds), standard: "60s",
        "How long a client may take to send a request's body; a tenth of it, at most 10s, for the head.")
    static let idleTimeout = Setting(
        "API_IDLE_TIMEOUT", .duration(.seconds(1)...(.seconds(3_600)), bare: .seconds), standard: "75s",
        "How long a connection without a request is kept.")
    static let shutdownTimeout = Setting(
        "API_SHUTDOWN_TIMEOUT", .duration(.seconds(0)...(.seconds(600)), bare: .seconds), standard: "20s",
        "How long requests in flight have to end when the server is stopped.")

    static let publicURL = Setting(
        "API_PUBLIC_URL", .text,
        "Where people reach the server, e.g. https://cognition.example.com: links in mails begin with it; without it http://API_HOST:API_PORT."
    )

    private static let server =
        [host, port, bodyBytesMax, corsOrigins, requestTimeout, idleTimeout, shutdownTimeout, publicURL] + edge

    // MARK: Storage

    static let databaseURL = Setting(
        "DATABASE_URL", .address,
        "Where the database is: sqlite:PATH, or postgres://USER:PASSWORD@HOST:PORT/NAME with any parameters of libpq; without it and DB_HOST cognition.db in DATA_DIR."
    )
    static let databaseHost = Setting(
        "DB_HOST", .text, "The host of a PostgreSQL server, or the folder of its socket; DATABASE_URL wins.")
    static let databasePort = Setting("DB_PORT", .number(1...65_535), standard: "5432", "Its port.")
    static let databaseName = Setting("DB_DATABASE", .text, standard: "cognitionos", "The database's name.")
    static let databaseUser = Setting("DB_USERNAME", .text, standard: "cognition", "Who connects.")
    static let databasePassword = Setting("DB_PASSWORD", .text, isSecret: true, "Their password.")
    static let databaseTLS = Setting(
        "DB_SSLMODE", .choice(["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
        standard: "prefer",
        "Whether connections are encrypted and the server's certificate is checked.")
    static let databaseRootCertificate = Setting(
        "DB_SSLROOTCERT", .path, "A file with the certificates that the server's is checked by.")
    static let databasePool = Setting(
        "DB_POOL_SIZE", .number(3...200), standard: "10",
        "Connections to a PostgreSQL server: one listens, one to four write, the others read.")
    static let databaseConnectTimeout = Setting(
        "DB_CONNECT_TIMEOUT", .duration(.seconds(2)...(.seconds(60)), bare: .seconds), standard: "5s",
        "How long opening a connection may take, and how long requests wait in an outage before they fail at once.")
    static let databaseStatementTimeout = Setting(
        "DB_STATEMENT_TIMEOUT", .duration(.seconds(1)...(.seconds(3_600)), bare: .seconds), standard: "30s",
        "How long one statement may take on a PostgreSQL server.")
    static let databaseLockTimeout = Setting(
        "DB_LOCK_TIMEOUT", .duration(.milliseconds(10)...(.seconds(60)), bare: .seconds), standard: "2s",
        "How long a statement waits there for what another transaction has locked.")

    private static let storage = [
        databaseURL, databaseHost, databasePort, databaseName, databaseUser, databasePassword, databaseTLS,
        databaseRootCertificate, databasePool, databaseConnectTimeout, databaseStatementTimeout, databaseLockTimeout,
    ]

    // MARK: Events

    static let eventRetention = Setting(
        "EVENTS_RETENTION", .list,
        "How long events stay in the database, by type, e.g. order.*=400d,task.*=90d: older ones go into files below DATA_DIR/events; without it all stay."
    )

    private static let events = [eventRetention]

    // MARK: Workflows

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

    private static let workflows = [concurrency, fileRoots, connectionsPerHost, egressDeny, egressAllow]

    // MARK: Language models

    static let languageModelProvider = Setting(
        "LLM_DEFAULT_PROVIDER", .choice(["local", "openai", "anthropic"]),
        "Who answers call: llm when the task names nobody; without it the first that has a key, else local.")
    static let languageModel = Setting(
        "LLM_DEFAULT_MODEL", .text, "The default provider's model; without it the provider's usual one.")
    static let languageModelFallbacks = Setting(
        "LLM_FALLBACKS", .list, "Who is asked when the default is not available, in order: provider or provider:model.")
    static let openAIKey = Setting("LLM_OPENAI_API_KEY", .text, isSecret: true, "The key of the provider openai.")
    static let openAIBaseURL = Setting(
        "LLM_OPENAI_BASE_URL", .text,
        "Where the provider openai is, unless it is the usual place; any server that speaks Chat Completions will do.")
    static let anthropicKey = Setting(
        "LLM_ANTHROPIC_API_KEY", .text, isSecret: true, "The key of the provider anthropic.")
    static let anthropicBaseURL = Setting(
        "LLM_ANTHROPIC_BASE_URL", .text, "Where the provider anthropic is, unless it is the usual place.")
    static let languageModelTimeout = Setting(
        "LLM_TIMEOUT", .duration(.seconds(1)...(.seconds(86_400)), bare: .seconds), standard: "600s",
        "How long an answer may take, with all repeats and fallbacks.")

    private static let languageModels = [
        languageModelProvider, languageModel, languageModelFallbacks, openAIKey, openAIBaseURL, anthropicKey,
        anthropicBaseURL, languageModelTimeout,
    ]

    // MARK: Security

    static let secretKey = Setting(
        "SECURITY_SECRET_KEY", .text, isSecret: true,
        "Signs access tokens, at least 32 bytes; without it a key is made and kept in DATA_DIR/keys.json.")
    /// Another name of ``secretKey``, which wins.
    static let jwtSecretKey = Setting("JWT_SECRET_KEY", .text, isSecret: true, "The same as SECURITY_SECRET_KEY.")
    static let algorithm = Setting(
        "SECURITY_ALGORITHM", .choice(["hs256", "es256", "eddsa"]), standard: "HS256", "How access tokens are signed.")
    static let accessTokenMinutes = Setting(
        "SECURITY_ACCESS_TOKEN_EXPIRE_MINUTES", .number(1...1_440), standard: "30",
        "Minutes an access token is good for.")
    static let refreshTokenDays = Setting(
        "SECURITY_REFRESH_TOKEN_EXPIRE_DAYS", .number(1...365), standard: "7",
        "Days after which a session ends that was not refreshed.")
    static let bcryptCost = Setting(
        "SECURITY_BCRYPT_COST", .number(4...14), standard: "12", "The cost of password hashes; each step doubles it.")
    static let failedLoginsMax = Setting(
        "SECURITY_MAX_FAILED_LOGINS", .number(1...100), standard: "5", "Wrong passwords in a row that lock an account.")
    static let lockoutMinutes = Setting(
        "SECURITY_LOCKOUT_MINUTES", .number(1...10_080), standard: "30", "Minutes that an account stays locked.")
    static let failuresPerAddress = Setting(
        "SECURITY_AUTH_FAILURES_PER_ADDRESS", .number(1...10_000), standard: "30",
        "Failed logins from one address within five minutes; further ones are refused.")
    static let registration = Setting(
        "SECURITY_REGISTRATION", .choice(["open", "invite", "closed"]),
        "Who may register; open in development, invite in production unless set.")
    static let emailVerification = Setting(
        "SECURITY_EMAIL_VERIFICATION", .choice(["true", "false"]), standard: "false",
        "Whether who registers has to follow the link of a mail before the first login.")

    static let auditRetentionDays = Setting(
        "SECURITY_AUDIT_RETENTION_DAYS", .number(0...36_500), standard: "400",
        "Days after which entries of the audit trail go into files below DATA_DIR/audit; 0 for never.")

    private static let security = [
        secretKey, jwtSecretKey, algorithm, accessTokenMinutes, refreshTokenDays, bcryptCost, failedLoginsMax,
        lockoutMinutes, failuresPerAddress, registration, emailVerification, auditRetentionDays,
    ]

    // MARK: WebSocket

    static let heartbeatInterval = Setting(
        "WS_HEARTBEAT_INTERVAL", .duration(.seconds(1)...(.seconds(3_600)), bare: .milliseconds), standard: "30s",
        "How often a WebSocket is pinged.")
    static let webSocketTimeout = Setting(
        "WS_TIMEOUT", .duration(.seconds(1)...(.seconds(3_600)), bare: .milliseconds), standard: "60s",
        "After which silence a WebSocket counts as lost.")
    static let webSocketIdleTimeout = Setting(
        "WS_IDLE_TIMEOUT", .duration(.seconds(1)...(.seconds(86_400)), bare: .milliseconds), standard: "300s",
        "How long a WebSocket without a subscription or an action is kept.")
    static let connectionsPerUser = Setting(
        "WS_MAX_CONNECTIONS_PER_USER", .number(1...100_000), standard: "5", "WebSockets of one user at once.")
    static let connectionsPerUserPolicy = Setting(
        "WS_USER_LIMIT_POLICY", .choice(["reject", "evict"]), standard: "reject",
        "Of one WebSocket too many of a user, whether that one is closed or the oldest.")
    static let connectionsPerAddress = Setting(
        "WS_MAX_CONNECTIONS_PER_ADDRESS", .number(0...1_000_000), standard: "0",
        "WebSockets of one network address at once; 0 for no limit.")
    static let webSocketConnections = Setting(
        "WS_MAX_CONNECTIONS", .number(1...1_000_000), standard: "10000", "WebSockets of the server at once.")
    static let webSocketAuthenticationTimeout = Setting(
        "WS_AUTHENTICATION_TIMEOUT", .duration(.seconds(1)...(.seconds(600)), bare: .milliseconds), standard: "10s",
        "How long a WebSocket may take to say whose it is.")
    static let webSocketMessageRate = Setting(
        "WS_MESSAGES_PER_SECOND", .number(0...1_000_000), standard: "2000",
        "Messages a second that are taken from one WebSocket, twice as many at once; 0 for no limit.")

    static let connectionEvents = Setting(
        "WS_CONNECTION_EVENTS", .choice(["true", "false"]), standard: "false",
        "Whether the log tells of WebSockets that were opened and closed.")

    private static let webSocket = [
        heartbeatInterval, webSocketTimeout, webSocketIdleTimeout, webSocketAuthenticationTimeout, connectionsPerUser,
        connectionsPerUserPolicy, connectionsPerAddress, webSocketConnections, webSocketMessageRate,
        connectionEvents,
    ]

    // MARK: Observability

    static let logLevel = Setting(
        "OBSERVABILITY_LOG_LEVEL", .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
        standard: "info", "The least severe lines that are written.")
    static let logFormat = Setting(
        "OBSERVABILITY_LOG_FORMAT", .choice(["json", "text"]), standard: "json",
        "How the server's log lines look, on standard error; those of commands are text unless set.")
    static let enableMetrics = Setting(
        "OBSERVABILITY_ENABLE_METRICS", .choice(["true", "false"]), standard: "true", "Whether /metrics answers.")
    static let metricsToken = Setting(
        "OBSERVABILITY_METRICS_TOKEN", .text, isSecret: true,
        "The bearer token that /metrics wants from other machines; without it they get nothing.")

    static let accessLog = Setting(
        "OBSERVABILITY_ACCESS_LOG", .choice(["true", "false"]), standard: "false",
        "Whether each request has a line in the log.")

    private static let observability = [logLevel, logFormat, accessLog, enableMetrics, metricsToken]
}
