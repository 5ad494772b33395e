import CognitionCore
import Foundation

/// What a document itself makes of its score: its boost, and its age.
struct DocumentScoring {
    private let segment: Segment
    private let decay: (column: Column, now: Int64, halfLife: Double, floor: Double)?
    let scale: ScoreScale
    /// Whether scores are those of the words alone.
    let isPlain: Bool

    init(_ segment: Segment, schema: IndexSchema, now: Timestamp?, scale: ScoreScale) {
        self.segment = segment
        self.scale = scale
        var decay: (Column, Int64, Double, Double)?
        if let rule = schema.settings.ranking.decay, let now, let place = schema.place(of: rule.field),
            schema.fields[place].kind == .date, let column = segment.fields[place].column, rule.halfLife > .zero
        {
            decay = (column, now.microseconds, Double(rule.halfLife.microseconds), min(max(rule.floor, 0), 1))
        }
        self.decay = decay
        isPlain = segment.boosts == nil && decay == nil
    }

    /// What a document is multiplied by, 1 at least for bounds: age takes, and never adds.
    var factorMax: Double { segment.boostMax }

    func boost(_ document: Int) -> Double { segment.boost(document) }

    /// 1 for a document without a date, or one of the future.
    func age(_ document: Int) -> Double {
        guard let decay, let place = decay.column.places(of: document).last else { return 1 }
        let age = Double(decay.now) - Double(decay.column[place])
        return age <= 0 ? 1 : max(decay.floor, exp2(-age / decay.halfLife))
    }

    @inline(__always)
    func score(_ units: Int32, _ document: Int) -> Double {
        if isPlain { return Double(units) / scale.factor }
        return Double(units) / scale.factor * boost(document) * age(document)
    }

    /// Units with which no document's score is above a threshold; negative for none.
    func units(notAbove threshold: Double) -> Int32 {
        guard threshold >= 0 else { return -1 }
        let units = threshold * scale.factor / factorMax
        // Products are rounded; one unit less is on the safe side.
        return Int32(min(Double(Int32.max), factorMax == 1 ? units : max(0, units - 1)))
    }
}
