/// The BM25 of one field: what length makes of a term's count.
///
/// A document's share of a term's weight is `count / (count + k1 · (1 − b + b · length / average))`, written as Lucene does,
/// so that rounding keeps it monotone: a block's bound is then never below the score of one of its documents.
///
/// Scores are whole numbers of a unit that the query sets (``ScoreScale``): sums do not depend on the order of clauses, so
/// pruned search and exhaustive search give the same scores to the last bit.
final class ScoreTable: @unchecked Sendable {
    // Unchecked as it holds a pointer: it is written before the object is there, and freed after it.
    let inverse: UnsafeMutablePointer<Float>
    let averageLength: Double

    init(ranking: Ranking, averageLength: Double) {
        self.averageLength = averageLength
        inverse = .allocate(capacity: 256)
        for norm in 0..<256 {
            let length = Double(Norm.length(UInt8(norm)))
            let part = averageLength > 0 ? length / averageLength : 1
            // Without k1 a term counts once, however often it stands there.
            inverse[norm] = Float(min(1 / (ranking.k1 * (1 - ranking.b + ranking.b * part)), 1e30))
        }
    }

    deinit { inverse.deallocate() }

    @inline(__always)
    static func score(weight: Float, count: UInt32, inverse: Float) -> Int32 {
        Int32(weight - weight / (1 + Float(count) * inverse))
    }

    /// A document whose count times `inverse` is less scores at most `limit`: what most are told by, as it takes no division.
    ///
    /// Others are scored, and may score no more than `limit` either: it leaves room for what scores are rounded by.
    static func least(weight: Float, above limit: Int32) -> Float {
        guard limit >= 0 else { return 0 }
        let (weight, score) = (Double(weight), Double(limit) + 1)
        let rest = weight - score * (1 - 1e-6)
        return rest > 0 ? Float(weight * (1 - 1e-6) / rest - 1) : .infinity
    }

    /// No document of the block scores more: of four pairs of count and norm, the best. A count of 255 may be any.
    ///
    /// - Parameter found: Called with scores that documents of the block have, each with one of its own. The last of four
    ///   pairs may stand for several, and is none.
    @inline(__always)
    func bound(weight: Float, impacts: UnsafePointer<UInt8>, found: (Int32) -> Void = { _ in }) -> Int32 {
        var best: Int32 = 0
        for pair in 0..<4 {
            let count = impacts[2 * pair]
            if count == 0 { break }
            if count == 255 { return Int32(weight) }
            let score = Self.score(weight: weight, count: UInt32(count), inverse: inverse[Int(impacts[2 * pair + 1])])
            if pair < 3 { found(score) }
            best = max(best, score)
        }
        return best
    }
}

/// What one whole number of a score stands for: a power of two, so that turning it back is exact.
struct ScoreScale: Sendable {
    let factor: Double

    /// - Parameter best: No document scores more.
    init(best: Double) {
        // 2^29 and not more, so that the sum of a bound and a score stays in 32 bits.
        var exponent = best > 0 ? (Double(1 << 29) / best).exponent : 0
        exponent = min(max(exponent, -200), 200)
        factor = Double(sign: .plus, exponent: Int(exponent), significand: 1)
    }
}
