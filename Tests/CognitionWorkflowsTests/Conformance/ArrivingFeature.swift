/// Parts of the DSL that are not there yet; what needs one is known to fail, and fails a test as soon as it does not.
enum ArrivingFeature: String, Sendable, CaseIterable {
    case emit, listen, schedule, openapi, mcp, secrets, oauth2, script, shell

    /// A part is taken out here when it is there.
    static let missing: Set<ArrivingFeature> = [
        .emit, .listen, .schedule, .openapi, .mcp, .secrets, .oauth2, .script, .shell,
    ]

    /// Those that a document of the conformance kit needs.
    static func needed(by document: String) -> [ArrivingFeature] {
        let words: [ArrivingFeature: String] = [
            .emit: "emit:", .listen: "listen:", .openapi: "call: openapi", .schedule: "schedule:",
        ]
        return allCases.filter { feature in
            missing.contains(feature) && words[feature].map { document.contains($0) } == true
        }
    }
}
