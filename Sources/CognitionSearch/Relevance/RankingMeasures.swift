import Foundation

/// How good an order of documents is, by judgements of them. All are 0...1, and 0 where nothing is judged relevant.
package enum RankingMeasures {
    /// Normalized discounted cumulative gain of the first `depth`: `Σ grade / log2(rank + 1)` over that of the best order.
    ///
    /// The gain is linear. Source: Järvelin, Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (2002).
    /// - Parameter grades: Above 0 for documents that are relevant.
    package static func nDCG(_ ranking: [String], _ grades: [String: Double], depth: Int) -> Double {
        func gain(_ grades: some Sequence<Double>) -> Double {
            grades.enumerated().reduce(0) { $0 + $1.element / log2(Double($1.offset + 2)) }
        }
        let ideal = gain(grades.values.filter { $0 > 0 }.sorted(by: >).prefix(depth))
        return ideal > 0 ? gain(ranking.prefix(depth).map { max(0, grades[$0] ?? 0) }) / ideal : 0
    }

    /// Mean of the precision at the rank of each relevant document, those that are not found counting 0.
    package static func averagePrecision(_ ranking: [String], _ relevant: Set<String>, depth: Int = 1_000) -> Double {
        var (found, sum) = (0, 0.0)
        for (index, id) in ranking.prefix(depth).enumerated() where relevant.contains(id) {
            found += 1
            sum += Double(found) / Double(index + 1)
        }
        return relevant.isEmpty ? 0 : sum / Double(relevant.count)
    }

    /// The share of the relevant documents that are among the first `depth`.
    package static func recall(_ ranking: [String], _ relevant: Set<String>, depth: Int) -> Double {
        guard !relevant.isEmpty else { return 0 }
        return Double(ranking.prefix(depth).count { relevant.contains($0) }) / Double(relevant.count)
    }
}
