import CognitionCore
import CognitionSearch

extension SearchSettings {
    static func of(_ fields: [(String, SearchField)]) -> SearchSettings {
        SearchSettings(fields: .init(uniqueKeysWithValues: fields))
    }
}

extension SearchField {
    static func text(boost: Double = 1, analyzer: AnalyzerName = .english) -> SearchField {
        var field = SearchField(.text)
        field.boost = boost
        field.analyzer = analyzer
        return field
    }

    static func keyword(isFacet: Bool = false) -> SearchField {
        var field = SearchField(.keyword)
        field.isFacet = isFacet
        return field
    }

    static var date: SearchField {
        var field = SearchField(.date)
        field.isSortable = true
        return field
    }
}

extension Sequence where Element: Hashable {
    /// Each once, where it came first.
    func uniqued() -> [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
