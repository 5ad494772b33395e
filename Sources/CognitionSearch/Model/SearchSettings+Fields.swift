import OrderedCollections

extension SearchSettings {
    /// Settings that a program has, of fields in their order.
    package init(_ fields: KeyValuePairs<String, SearchField>) {
        self.init()
        for (name, field) in fields { self.fields[name] = field }
    }
}

extension SearchField {
    package static func text(boost: Double = 1, analyzer: AnalyzerName = .english) -> SearchField {
        var field = SearchField(.text)
        field.boost = boost
        field.analyzer = analyzer
        return field
    }

    package static func keyword(isFacet: Bool = false) -> SearchField {
        var field = SearchField(.keyword)
        field.isFacet = isFacet
        return field
    }

    /// That hits may be sorted by.
    package static var date: SearchField {
        var field = SearchField(.date)
        field.isSortable = true
        return field
    }
}
