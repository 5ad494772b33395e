// swift-tools-version:6.2
import PackageDescription

let package = Package(
    name: "CognitionOS",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "cognitionos", targets: ["CognitionServer"]),
        .executable(name: "cognitionos-bench", targets: ["CognitionBenchmarks"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["Logging"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // Platform
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CognitionCore", dependencies: ["CZlib", .crypto, .instrumentation, .orderedCollections]),
        .systemLibrary(name: "COniguruma", pkgConfig: "oniguruma", providers: [.apt(["libonig-dev"])]),
        .target(name: "CognitionExpressions", dependencies: ["CognitionCore", "COniguruma"]),
        .target(name: "CognitionDocuments", dependencies: ["CognitionCore", "Yams"]),
        .target(name: "CognitionStorage", dependencies: ["CognitionCore", .metrics, .tracing]),
        .target(
            name: "CognitionSQLite", dependencies: ["CognitionCore", "CognitionStorage", .grdb, .grdbSQLite, .metrics]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "CognitionPostgres",
            dependencies: ["CPostgres", "CognitionCore", "CognitionStorage", .logging, .metrics]),
        .target(
            name: "CognitionRedis",
            dependencies: [
                "CognitionCore", .deque, .logging, .metrics, .nio("NIOCore"), .nio("NIOPosix"), .nioSSL, .tracing,
            ]),
        .target(name: "CognitionEvents", dependencies: ["CognitionCore", "CognitionStorage", .logging, .metrics]),
        .systemLibrary(name: "CRabbitMQ", pkgConfig: "librabbitmq", providers: [.apt(["librabbitmq-dev"])]),
        .target(
            name: "CognitionRabbitMQ",
            dependencies: ["CRabbitMQ", "CognitionCore", "CognitionEvents", "CognitionStorage", .tracing]),
        .target(name: "CognitionObservability", dependencies: ["CognitionCore", .logging, .metrics, .tracing]),
        .target(
            name: "CognitionHTTPClient",
            dependencies: [
                "CognitionCore", .asyncHTTPClient, .deque, .logging, .metrics, .nio("NIOCore"), .nio("NIOHTTP1"),
                .nio("NIOPosix"), .nioSSL, .tracing,
            ]),
        .systemLibrary(name: "CSpawn"),
        .target(name: "CognitionSandbox", dependencies: ["CSpawn", "CognitionCore"]),

        // Contexts
        .target(
            name: "CognitionWorkflows",
            dependencies: [
                "CognitionCore", "CognitionDocuments", "CognitionEvents", "CognitionExpressions", "CognitionStorage",
                .heap, .logging, .metrics, .tracing,
            ]),
        .target(
            name: "CognitionLanguageModels",
            dependencies: ["CognitionCore", "CognitionEvents", "CognitionStorage", .logging, .metrics, .tracing]),
        .systemLibrary(name: "CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev"])]),
        .target(
            name: "CognitionIdentity",
            dependencies: [
                "CCrypt", "CognitionCore", "CognitionEvents", "CognitionStorage", .crypto, .jwtKit, .logging, .metrics,
            ]),
        .target(
            name: "CognitionRealtime",
            dependencies: ["CognitionCore", "CognitionEvents", "CognitionStorage", .deque, .logging, .metrics]),
        .target(
            name: "CognitionScheduler",
            dependencies: ["CognitionCore", "CognitionEvents", "CognitionStorage", .logging, .metrics, .tracing]),

        .systemLibrary(name: "CStemmer", providers: [.apt(["libstemmer-dev"])]),
        .target(
            name: "CognitionSearch",
            dependencies: [
                "CStemmer", "CognitionCore", "CognitionEvents", "CognitionStorage", .logging, .metrics,
                .orderedCollections,
                .tracing,
            ]),

        // Edge
        .target(
            name: "CognitionHTTP",
            dependencies: [
                "CognitionCore", "CognitionDocuments", "CognitionEvents", "CognitionExpressions", "CognitionIdentity",
                "CognitionLanguageModels", "CognitionObservability", "CognitionRealtime", "CognitionScheduler",
                "CognitionSearch", "CognitionStorage", "CognitionWorkflows", .hummingbird,
                .hummingbirdCore, .httpTypes, .logging, .metrics, .nio("NIOCore"), .nio("NIOHTTP1"), .nio("NIOPosix"),
                .nio("NIOWebSocket"), .nioHTTPTypes, .nioHTTPTypesHTTP1, .nioSSL, .serviceLifecycle, .tracing,
            ],
            resources: [
                .embedInCode("Assets/account.html"), .embedInCode("Assets/docs.html"),
                .embedInCode("Assets/openapi.css"),
                .embedInCode("Assets/openapi.js"), .embedInCode("Assets/redoc.html"),
                .embedInCode("Assets/websocket.html"),
            ]),
        .executableTarget(name: "DocumentEmbedder"),
        .plugin(name: "EmbedDocumentation", capability: .buildTool(), dependencies: ["DocumentEmbedder"]),
        .executableTarget(
            name: "CognitionServer",
            dependencies: [
                "CognitionCore", "CognitionDocuments", "CognitionEvents", "CognitionExpressions", "CognitionHTTP",
                "CognitionHTTPClient", "CognitionIdentity", "CognitionLanguageModels", "CognitionObservability",
                "CognitionPostgres", "CognitionRabbitMQ", "CognitionRealtime", "CognitionRedis", "CognitionSQLite",
                "CognitionSandbox", "CognitionScheduler", "CognitionSearch",
                "CognitionStorage", "CognitionWorkflows", .argumentParser, .configuration, .logging, .metrics,
                .serviceLifecycle,
                .tracing, .unixSignals,
            ], plugins: ["EmbedDocumentation"]),
        .target(name: "CognitionPostgresServer", dependencies: ["CPostgres"]),
        .systemLibrary(name: "CEpoll"),
        .executableTarget(
            name: "CognitionBenchmarks",
            dependencies: [
                "CEpoll", "CPostgres", "CognitionCore", "CognitionEvents", "CognitionExpressions", "CognitionPostgres",
                "CognitionPostgresServer", "CognitionRealtime", "CognitionSQLite", "CognitionScheduler",
                "CognitionSearch", "CognitionStorage", "CognitionWorkflows", .argumentParser, .grdbSQLite, .logging,
                .orderedCollections,
            ]),

        // Tests
        .target(
            name: "CognitionTestSupport",
            dependencies: [
                "CognitionCore", "CognitionPostgres", "CognitionPostgresServer", "CognitionSQLite", "CognitionStorage",
                .logging,
            ]),
        .tests(of: "CognitionCore"),
        .tests(of: "CognitionExpressions", with: ["CognitionCore"], exclude: ["Corpus", "Peer"]),
        .tests(of: "CognitionDocuments", with: ["CognitionCore"]),
        .tests(of: "CognitionStorage", with: ["CognitionCore", "CognitionTestSupport", .metrics, .metricsTestKit]),
        .tests(
            of: "CognitionSQLite",
            with: ["CognitionCore", "CognitionStorage", "CognitionTestSupport", .grdbSQLite, .metrics, .metricsTestKit]),
        .tests(
            of: "CognitionPostgres",
            with: [
                "CognitionCore", "CognitionPostgresServer", "CognitionSQLite", "CognitionStorage",
                "CognitionTestSupport",
                .logging,
            ]),
        .tests(
            of: "CognitionRedis",
            with: [
                "CognitionCore", "CognitionStorage", "CognitionTestSupport", "CognitionWorkflows", .logging, .metrics,
                .metricsTestKit, .nio("NIOCore"), .nio("NIOPosix"), .tracing,
            ]),
        .tests(
            of: "CognitionEvents",
            with: [
                "CognitionCore", "CognitionSQLite", "CognitionStorage", "CognitionTestSupport", .metrics,
                .metricsTestKit,
            ]),
        .tests(
            of: "CognitionRabbitMQ",
            with: [
                "CognitionCore", "CognitionEvents", "CognitionStorage", "CognitionTestSupport", .metrics,
                .metricsTestKit,
            ]),
        .tests(
            of: "CognitionObservability", with: ["CognitionCore", .logging, .metrics, .metricsTestKit, .tracing]),
        .tests(
            of: "CognitionHTTPClient",
            with: ["CognitionCore", .metrics, .nio("NIOCore"), .nio("NIOPosix"), .nioSSL]),
        .tests(of: "CognitionSandbox", with: ["CognitionCore"]),
        .tests(
            of: "CognitionWorkflows",
            with: [
                "CognitionCore", "CognitionDocuments", "CognitionEvents", "CognitionExpressions", "CognitionHTTPClient",
                "CognitionSQLite", "CognitionSandbox", "CognitionScheduler", "CognitionServer", "CognitionStorage",
                "CognitionTestSupport", .logging, .metrics, .nio("NIOCore"), .nio("NIOHTTP1"), .nio("NIOPosix"),
            ], exclude: ["Fixtures", "Processes/Peer"]),
        .tests(
            of: "CognitionLanguageModels",
            with: [
                "CognitionCore", "CognitionHTTPClient", "CognitionSQLite", "CognitionStorage", "CognitionTestSupport",
                .metrics, .nio("NIOCore"), .nio("NIOPosix"),
            ], exclude: ["Peer"]),
        .tests(
            of: "CognitionIdentity",
            with: [
                "CognitionCore", "CognitionEvents", "CognitionStorage", "CognitionTestSupport", .crypto, .metrics,
                .metricsTestKit,
            ]),
        .tests(
            of: "CognitionRealtime",
            with: [
                "CognitionCore", "CognitionEvents", "CognitionSQLite", "CognitionStorage", "CognitionTestSupport",
                .metrics,
            ]),
        .tests(
            of: "CognitionScheduler",
            with: [
                "CognitionCore", "CognitionEvents", "CognitionSQLite", "CognitionStorage", "CognitionTestSupport",
                .logging, .metrics,
            ]),
        .tests(
            of: "CognitionSearch",
            with: [
                "CognitionCore", "CognitionEvents", "CognitionSQLite", "CognitionStorage", "CognitionTestSupport",
                .metrics, .orderedCollections,
            ], exclude: ["Analysis/Fixtures"]),
        .tests(
            of: "CognitionHTTP",
            with: [
                "CognitionCore", "CognitionEvents", "CognitionRealtime", "CognitionStorage", "CognitionTestSupport",
                .httpTypes, .hummingbird, .hummingbirdCore, .logging, .nio("NIOCore"), .nio("NIOPosix"),
                .nio("NIOWebSocket"), .serviceLifecycle,
            ], exclude: ["WebSocket/Peer"]),
        .tests(
            of: "CognitionServer",
            with: [
                "CognitionCore", "CognitionDocuments", "CognitionExpressions", "CognitionHTTP", "CognitionPostgres",
                "CognitionPostgresServer", "CognitionRabbitMQ", "CognitionSQLite", "CognitionStorage",
                "CognitionTestSupport", .crypto,
                .nio("NIOCore"), .nio("NIOPosix"),
            ], exclude: ["Peer"]),
    ]
)

// Every target is compiled by the same rules.
for target in package.targets where target.type != .system && target.type != .plugin {
    target.swiftSettings = [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}

extension Target {
    static func tests(of module: String, with others: [Target.Dependency] = [], exclude: [String] = []) -> Target {
        .testTarget(name: module + "Tests", dependencies: [.byName(name: module)] + others, exclude: exclude)
    }
}

extension Target.Dependency {
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let asyncHTTPClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let configuration = product(name: "Configuration", package: "swift-configuration")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let deque = product(name: "DequeModule", package: "swift-collections")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let grdbSQLite = product(name: "GRDBSQLite", package: "GRDB.swift")
    static let heap = product(name: "HeapModule", package: "swift-collections")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let instrumentation = product(name: "Instrumentation", package: "swift-distributed-tracing")
    static let jwtKit = product(name: "JWTKit", package: "jwt-kit")
    static let logging = product(name: "Logging", package: "swift-log")
    static let metrics = product(name: "Metrics", package: "swift-metrics")
    static let metricsTestKit = product(name: "MetricsTestKit", package: "swift-metrics")
    static let nioHTTPTypes = product(name: "NIOHTTPTypes", package: "swift-nio-extras")
    static let nioHTTPTypesHTTP1 = product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let orderedCollections = product(name: "OrderedCollections", package: "swift-collections")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let tracing = product(name: "Tracing", package: "swift-distributed-tracing")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")

    static func nio(_ name: String) -> Target.Dependency { product(name: name, package: "swift-nio") }
}
