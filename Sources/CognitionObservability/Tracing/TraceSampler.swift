import CognitionCore

/// Which traces are recorded; by the names and rules of OpenTelemetry's SDK specification, "Built-in samplers".
package struct TraceSampler: Sendable, Hashable {
    package enum Rule: String, Sendable, Hashable, CaseIterable {
        case alwaysOn = "always_on"
        case alwaysOff = "always_off"
        /// A share of all traces.
        case ratio = "traceidratio"
        // What the span before decided; else as the rule after the underscore.
        case parentAlwaysOn = "parentbased_always_on"
        case parentAlwaysOff = "parentbased_always_off"
        case parentRatio = "parentbased_traceidratio"
    }

    private let rule: Rule
    /// Trace ids of which the last 63 bits are below are recorded.
    private let bound: UInt64

    /// - Parameter ratio: 0...1; of the two rules that have one.
    package init(_ rule: Rule, ratio: Double = 1) {
        self.rule = rule
        bound = UInt64((min(max(ratio, 0), 1) * 0x1p63).rounded())
    }

    func samples(_ id: TraceContext.TraceID, parent: TraceContext?) -> Bool {
        switch rule {
        case .alwaysOn: true
        case .alwaysOff: false
        case .ratio: isInShare(id)
        case .parentAlwaysOn: parent?.isSampled ?? true
        case .parentAlwaysOff: parent?.isSampled ?? false
        case .parentRatio: parent?.isSampled ?? isInShare(id)
        }
    }

    /// The same answer on every node.
    private func isInShare(_ id: TraceContext.TraceID) -> Bool { id.low & 0x7FFF_FFFF_FFFF_FFFF < bound }
}
