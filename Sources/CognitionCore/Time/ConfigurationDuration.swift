/// A unit of the durations in settings; the raw value is how it is written.
package enum DurationUnit: String, Sendable, Hashable, CaseIterable {
    case milliseconds = "ms"
    case seconds = "s"
    case minutes = "m"
    case hours = "h"
    case days = "d"

    /// Whole seconds of one unit; 0 for milliseconds.
    var seconds: Int64 {
        switch self {
        case .milliseconds: 0
        case .seconds: 1
        case .minutes: 60
        case .hours: 3_600
        case .days: 86_400
        }
    }
}

extension Duration {
    /// Reads a duration of the settings: a number, which may have a decimal fraction, and one of `ms`, `s`, `m`, `h`,
    /// `d` directly behind it; a bare number counts in `bareUnit`. There are no signs and no sums such as `1h30m`.
    ///
    /// - Throws: `DurationError`.
    package init(configurationText text: String, bareUnit: DurationUnit) throws {
        var reader = DurationReader(text)
        self = try reader.configuration(bareUnit: bareUnit)
    }

    /// The duration in the largest unit that needs no fraction, e.g. `90s`, `250ms`; finer parts are dropped.
    package var configurationText: String {
        let milliseconds = microseconds / 1_000
        guard milliseconds % 1_000 == 0 else { return "\(milliseconds)ms" }
        let seconds = milliseconds / 1_000
        for unit in [DurationUnit.days, .hours, .minutes] where seconds != 0 && seconds % unit.seconds == 0 {
            return "\(seconds / unit.seconds)\(unit.rawValue)"
        }
        return "\(seconds)s"
    }
}
