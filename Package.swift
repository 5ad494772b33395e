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
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        // Platform
        .target(name: "CognitionCore", dependencies: [.crypto, .orderedCollections]),
        .systemLibrary(name: "COniguruma", pkgConfig: "oniguruma", providers: [.apt(["libonig-dev"])]),
        .target(name: "CognitionExpressions", dependencies: ["CognitionCore", "COniguruma"]),
        .target(name: "CognitionDocuments", dependencies: ["CognitionCore", "Yams"]),
        .target(name: "CognitionStorage", dependencies: ["CognitionCore"]),
        .target(name: "CognitionSQLite", dependencies: ["CognitionCore", "CognitionStorage", .grdb, .grdbSQLite]),
        .target(name: "CognitionEvents", dependencies: ["CognitionCore", "CognitionStorage", .logging]),
        .target(name: "CognitionObservability", dependencies: ["CognitionCore", .logging]),
        .target(
            name: "CognitionHTTPClient",
            dependencies: [
                "CognitionCore", .asyncHTTPClient, .deque, .logging, .metrics, .nio("NIOCore"), .nio("NIOHTTP1"),
                .nio("NIOPosix"), .nioSSL,
            ]),

        // Contexts
        .target(
            name: "CognitionWorkflows",
            dependencies: [
                "CognitionCore", "CognitionDocuments", "CognitionEvents", "CognitionExpressions", "CognitionStorage",
                .logging,
                .metrics,
            ]),
        .target(name: "CognitionLanguageModels", dependencies: ["CognitionCore"]),

        // Edge
        .executableTarget(
            name: "CognitionServer",
            dependencies: [
                "CognitionCore", "CognitionDocuments", "CognitionEvents", "CognitionExpressions", "CognitionHTTPClient",
                "CognitionLanguageModels", "CognitionObservability", "CognitionSQLite", "CognitionStorage",
                "CognitionWorkflows", .argumentParser, .configuration, .logging,
            ]),
        .executableTarget(
            name: "CognitionBenchmarks",
            dependencies: [
                "CognitionCore", "CognitionEvents", "CognitionExpressions", "CognitionSQLite", "CognitionStorage",
                "CognitionWorkflows", .argumentParser, .grdbSQLite, .logging,
            ]),

        // Tests
        .target(name: "CognitionTestSupport", dependencies: ["CognitionCore", "CognitionSQLite", "CognitionStorage"]),
        .tests(of: "CognitionCore"),
        .tests(of: "CognitionExpressions", with: ["CognitionCore"], exclude: ["Corpus", "Peer"]),
        .tests(of: "CognitionDocuments", with: ["CognitionCore"]),
        .tests(of: "CognitionStorage", with: ["CognitionCore", "CognitionTestSupport"]),
        .tests(
            of: "CognitionSQLite", with: ["CognitionCore", "CognitionStorage", "CognitionTestSupport", .grdbSQLite]),
        .tests(
            of: "CognitionEvents",
            with: ["CognitionCore", "CognitionSQLite", "CognitionStorage", "CognitionTestSupport"]),
        .tests(of: "CognitionObservability", with: ["CognitionCore", .logging]),
        .tests(
            of: "CognitionHTTPClient",
            with: ["CognitionCore", .metrics, .nio("NIOCore"), .nio("NIOPosix"), .nioSSL]),
        .tests(
            of: "CognitionWorkflows",
            with: [
                "CognitionCore", "CognitionDocuments", "CognitionEvents", "CognitionExpressions", "CognitionStorage",
                "CognitionTestSupport", .logging,
            ]),
        .tests(of: "CognitionLanguageModels", with: ["CognitionCore"]),
        .tests(
            of: "CognitionServer",
            with: [
                "CognitionCore", "CognitionSQLite", "CognitionStorage", "CognitionTestSupport", .nio("NIOCore"),
                .nio("NIOPosix"),
            ]),
    ]
)

// Every target is compiled by the same rules.
for target in package.targets where target.type != .system {
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
    static let logging = product(name: "Logging", package: "swift-log")
    static let metrics = product(name: "Metrics", package: "swift-metrics")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let orderedCollections = product(name: "OrderedCollections", package: "swift-collections")

    static func nio(_ name: String) -> Target.Dependency { product(name: name, package: "swift-nio") }
}
