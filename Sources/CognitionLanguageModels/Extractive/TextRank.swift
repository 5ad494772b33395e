/// PageRank on an undirected weighted graph: a vertex is important when important ones are near it.
///
/// `WS(i) = (1 - d) + d · Σ_j w(j,i) / Σ_k w(j,k) · WS(j)` with d = 0.85, repeated until no score moves by more than
/// 0.0001 or 100 times. Source: R. Mihalcea and P. Tarau, "TextRank: Bringing Order into Texts", EMNLP 2004.
struct TextRank {
    private struct Edge {
        let low: Int32
        let high: Int32
        let weight: Float
    }

    private static let damping = 0.85
    private static let tolerance = 1e-4
    private static let roundsMax = 100

    private let vertices: Int
    private var edges: [Edge] = []

    init(vertices: Int) { self.vertices = vertices }

    mutating func connect(_ a: Int, _ b: Int, weight: Double) {
        edges.append(Edge(low: Int32(a), high: Int32(b), weight: Float(weight)))
    }

    /// - Returns: One score for each vertex; 0.15 for one without edges.
    /// - Throws: `CancellationError`, looked for in every round.
    func scores() throws -> [Double] {
        var strength = [Double](repeating: 0, count: vertices)
        for edge in edges {
            strength[Int(edge.low)] += Double(edge.weight)
            strength[Int(edge.high)] += Double(edge.weight)
        }
        var scores = [Double](repeating: 1, count: vertices)
        for _ in 0..<TextRank.roundsMax {
            try Task.checkCancellation()
            let shares = scores.indices.map { strength[$0] > 0 ? scores[$0] / strength[$0] : 0 }
            var sums = [Double](repeating: 0, count: vertices)
            for edge in edges {
                let (low, high, weight) = (Int(edge.low), Int(edge.high), Double(edge.weight))
                sums[low] += weight * shares[high]
                sums[high] += weight * shares[low]
            }
            var moved = 0.0
            for index in scores.indices {
                let score = (1 - TextRank.damping) + TextRank.damping * sums[index]
                moved = max(moved, abs(score - scores[index]))
                scores[index] = score
            }
            if moved < TextRank.tolerance { break }
        }
        return scores
    }
}

extension TextRank {
    /// Ranks sentences by the words that they share: `|common| / (log |a| + log |b|)`, over distinct content words.
    ///
    /// - Parameter sentences: Distinct content words of each; at most 1,000 sentences of 64 words keep it under a
    ///   second.
    static func rank(sentences: [[Int32]]) throws -> [Double] {
        var graph = TextRank(vertices: sentences.count)
        var postings: [Int32: [Int32]] = [:]
        var common = [Int32](repeating: 0, count: sentences.count)
        let logs = sentences.map { Logarithm.natural(of: $0.count) }
        for (index, words) in sentences.enumerated() {
            if index.isMultiple(of: 64) { try Task.checkCancellation() }
            var touched: [Int32] = []
            for word in words {
                for earlier in postings[word] ?? [] {
                    if common[Int(earlier)] == 0 { touched.append(earlier) }
                    common[Int(earlier)] += 1
                }
                postings[word, default: []].append(Int32(index))
            }
            for earlier in touched {
                let length = logs[index] + logs[Int(earlier)]
                if length > 0 { graph.connect(Int(earlier), index, weight: Double(common[Int(earlier)]) / length) }
                common[Int(earlier)] = 0
            }
        }
        return try graph.scores()
    }
}

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

private enum Logarithm {
    static func natural(of count: Int) -> Double { count > 1 ? log(Double(count)) : 0 }
}
