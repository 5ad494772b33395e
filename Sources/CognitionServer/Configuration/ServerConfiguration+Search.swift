import CognitionSearch

extension ServerConfiguration {
    var search: Search.Settings {
        var settings = Search.Settings()
        settings.analytics = AnalyticsMode(rawValue: self[.searchAnalytics].lowercased()) ?? .counts
        settings.analyticsDays = number(.searchAnalyticsDays)
        settings.documentBytesMax = number(.searchDocumentBytes)
        settings.indexesMax = number(.searchIndexes)
        settings.openMax = number(.searchOpen)
        settings.commitInterval = duration(.searchCommit)
        settings.removalsKept = duration(.searchRemovals)
        return settings
    }
}
