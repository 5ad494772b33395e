// swift-tools-version:6.2
import PackageDescription

let package = Package(
    name: "CognitionOS",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "cognitionos", targets: ["CognitionServer"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML", "Logging"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        .target(name: "CognitionCore", dependencies: [
            .product(name: "OrderedCollections", package: "swift-collections"),
            .product(name: "Crypto", package: "swift-crypto"),
        ]),
        .systemLibrary(name: "COniguruma", pkgConfig: "oniguruma", providers: [.apt(["libonig-dev"])]),
        .target(name: "CognitionExpressions", dependencies: ["CognitionCore", "COniguruma"]),
        .target(name: "CognitionDocuments", dependencies: ["CognitionCore", "Yams"]),
        .target(name: "CognitionStorage", dependencies: ["CognitionCore"]),
        .target(name: "CognitionSQLite", dependencies: [
            "CognitionCore", "CognitionStorage", .product(name: "GRDB", package: "GRDB.swift"),
        ]),
        .target(name: "CognitionEvents", dependencies: ["CognitionCore", "CognitionStorage"]),
        .target(name: "CognitionWorkflows", dependencies: [
            "CognitionCore", "CognitionDocuments", "CognitionEvents", "CognitionExpressions", "CognitionStorage",
            .product(name: "Logging", package: "swift-log"),
        ]),
        .target(name: "CognitionLanguageModels", dependencies: ["CognitionCore"]),
        .target(name: "CognitionHTTPClient", dependencies: [
            "CognitionCore",
            .product(name: "AsyncHTTPClient", package: "async-http-client"),
            .product(name: "DequeModule", package: "swift-collections"),
            .product(name: "Logging", package: "swift-log"),
            .product(name: "Metrics", package: "swift-metrics"),
            .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "NIOHTTP1", package: "swift-nio"),
            .product(name: "NIOPosix", package: "swift-nio"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
        ]),
        .target(name: "CognitionObservability", dependencies: [
            "CognitionCore", .product(name: "Logging", package: "swift-log"),
        ]),
        .executableTarget(name: "CognitionServer", dependencies: [
            "CognitionCore", "CognitionDocuments", "CognitionEvents", "CognitionExpressions", "CognitionHTTPClient",
            "CognitionLanguageModels", "CognitionObservability", "CognitionSQLite", "CognitionStorage",
            "CognitionWorkflows",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
            .product(name: "Configuration", package: "swift-configuration"),
            .product(name: "Logging", package: "swift-log"),
        ]),
    ]
)

for target in package.targets where target.type != .system {
    target.swiftSettings = [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}
