import CognitionCore
import CognitionSearch

/// What is found, and what is kept of what people look for.
extension Setting {
    static let searchAnalytics = Setting(
        "SEARCH_ANALYTICS", .choice(AnalyticsMode.allCases.map(\.rawValue)), standard: "counts",
        "What is kept of searches: nothing (off), numbers and the texts that several people look for (counts), all texts (queries)."
    )
    static let searchAnalyticsDays = Setting(
        "SEARCH_ANALYTICS_DAYS", .number(1...3_650), standard: "30", "Days for which that is kept.")
    static let searchPlatform = Setting(
        "SEARCH_PLATFORM_INDEXES", .choice(["true", "false"]), standard: "true",
        "Whether workflows, executions, users and the documentation can be found.")
    static let searchDocumentBytes = Setting(
        "SEARCH_DOCUMENT_MAX_BYTES", .number(1_024...67_108_864), standard: "1048576",
        "Bytes of a document's fields as JSON.")
    static let searchIndexes = Setting(
        "SEARCH_INDEXES_PER_WORKSPACE", .number(1...10_000), standard: "100", "Indexes that a workspace may have.")
    static let searchOpen = Setting(
        "SEARCH_OPEN_INDEXES", .number(1...10_000), standard: "64",
        "Indexes that are open at once on this node; others are opened when they are searched.")
    static let searchCommit = Setting(
        "SEARCH_COMMIT_INTERVAL", .duration(.milliseconds(100)...(.seconds(300)), bare: .seconds), standard: "5s",
        "After which changes of an index are on this node's disk at the latest; before, they are read again after a crash."
    )
    static let searchRemovals = Setting(
        "SEARCH_REMOVALS_KEPT", .duration(.seconds(60)...(.seconds(31_536_000)), bare: .seconds), standard: "7d",
        "How long it is kept which documents were removed; a node that was away for longer makes its indexes anew.")

    static let search = [
        searchAnalytics, searchAnalyticsDays, searchPlatform, searchDocumentBytes, searchIndexes, searchOpen,
        searchCommit, searchRemovals,
    ]
}
