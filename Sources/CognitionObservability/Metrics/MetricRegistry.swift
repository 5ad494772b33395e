/// Which families and series there are; bounded in both.
struct MetricRegistry {
    /// Why a measurement has no series of its own.
    enum Refusal: String, CaseIterable {
        /// There are as many families as may be; what is measured is lost.
        case families
        /// The family has as many series as may be; what is measured goes to its series `overflow`.
        case series
        /// The name is taken by a metric of another kind; what is measured is lost.
        case name
    }

    private struct Entry {
        let series: any MetricSeries
        /// How many handles were made for it, less those destroyed.
        var holders = 0
    }

    private struct Family {
        let shape: MetricShape
        var entries: [MetricLabels: Entry] = [:]
    }

    private let familiesMax: Int
    private let seriesMax: Int
    private var families: [String: Family] = [:]
    /// Every name of a sample that a family has.
    private var names: Set<String> = []
    private var dropped: [Refusal: CounterSeries] = [:]

    init(familiesMax: Int, seriesMax: Int, catalog: MetricCatalog) {
        self.familiesMax = familiesMax
        self.seriesMax = seriesMax
        let shape = MetricShape("metrics.dropped", kind: .counter, catalog: catalog)
        for refusal in Refusal.allCases {
            dropped[refusal] = series(of: shape, MetricLabels([("reason", refusal.rawValue)]), isHeld: true)
        }
    }

    /// The series of a family with these labels, made when there is none.
    ///
    /// - Parameter isHeld: Somebody keeps it, and may destroy it one day.
    /// - Returns: The family's series `overflow` when it has no room; `nil` when there is no such family.
    mutating func series<Series: MetricSeries>(
        _: Series.Type = Series.self, of shape: MetricShape, _ labels: MetricLabels, isHeld: Bool
    ) -> Series? {
        if let family = families[shape.name] {
            guard family.shape.kind == shape.kind, family.shape.recordedPerUnit == shape.recordedPerUnit else {
                return refuse(.name)
            }
            if let entry = family.entries[labels] {
                if isHeld { families[shape.name]?.entries[labels]?.holders += 1 }
                return entry.series as? Series
            }
            if family.entries.count >= shape.seriesMax ?? seriesMax, labels != .overflow {
                refuse(.series)
                return series(of: shape, .overflow, isHeld: isHeld)
            }
        } else {
            guard families.count < familiesMax else { return refuse(.families) }
            guard names.isDisjoint(with: shape.sampleNames) else { return refuse(.name) }
            families[shape.name] = Family(shape: shape)
            names.formUnion(shape.sampleNames)
        }
        let series = Series(SeriesKey(family: shape.name, labels: labels), shape: shape)
        families[shape.name]?.entries[labels] = Entry(series: series, holders: isHeld ? 1 : 0)
        return series
    }

    /// Forgets a series once nobody holds it any more.
    mutating func release(_ key: SeriesKey) {
        guard var family = families[key.family], var entry = family.entries[key.labels] else { return }
        entry.holders -= 1
        family.entries[key.labels] = entry.holders > 0 ? entry : nil
        families[key.family] = family.entries.isEmpty ? nil : family
        if family.entries.isEmpty { names.subtract(family.shape.sampleNames) }
    }

    /// Every family, sorted by name, with its series, sorted by labels.
    var sorted: [(shape: MetricShape, series: [any MetricSeries])] {
        families.values.sorted { $0.shape.name < $1.shape.name }.map { family in
            (family.shape, family.entries.values.map(\.series).sorted { $0.key.labels.text < $1.key.labels.text })
        }
    }

    @discardableResult
    private func refuse<Series: MetricSeries>(_ refusal: Refusal) -> Series? {
        refuse(refusal)
        return nil
    }

    private func refuse(_ refusal: Refusal) { dropped[refusal]?.increment(by: Int64(1)) }
}
