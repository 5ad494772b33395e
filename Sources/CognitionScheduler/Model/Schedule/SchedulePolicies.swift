package import CognitionCore

/// What becomes of firings that nobody was there for.
package enum MisfirePolicy: Sendable, Hashable {
    /// The last of them comes late, for all.
    case fireOnce
    /// Each comes late, in order; of more than `max` the last ones.
    case fireAll(max: Int)
    case skip

    package static let maxima = 1...1_000
    private static let defaultMax = 100

    init?(name: String) {
        switch name {
        case "fire_once": self = .fireOnce
        case "fire_all": self = .fireAll(max: Self.defaultMax)
        case "skip": self = .skip
        default: return nil
        }
    }

    /// How many are made up for.
    var limit: Int {
        switch self {
        case .fireOnce: 1
        case .fireAll(let max): max
        case .skip: 0
        }
    }

    package var json: JSONValue {
        switch self {
        case .fireOnce: "fire_once"
        case .fireAll(let max): ["fire_all": ["max": .integer(Int64(max))]]
        case .skip: "skip"
        }
    }
}

/// What becomes of a firing while the run before it goes on.
package enum OverlapPolicy: String, Sendable, Hashable, CaseIterable {
    /// It does not come.
    case skip
    /// It waits for the end of that run; one that waits is enough.
    case bufferOne = "buffer_one"
    /// It waits, as do all that come meanwhile.
    case bufferAll = "buffer_all"
    /// The run is cancelled, and it comes then.
    case cancelOther = "cancel_other"
    /// Both run.
    case allowAll = "allow_all"
}
