import CognitionCore
import Foundation

/// A time zone whose clock a schedule means.
///
/// Source: the IANA time zone database as the system's Foundation has it.
struct ScheduleZone: Sendable, Hashable {
    let name: String
    /// `nil` for UTC, whose clock is never asked.
    private let zone: TimeZone?

    static let utc = ScheduleZone(utc: "UTC")

    private init(utc name: String) {
        self.name = name
        zone = nil
    }

    /// - Parameter name: As in the database, e.g. `Europe/Zurich`; `nil` for a zone that it does not have.
    init?(_ name: String) {
        if name == Self.utc.name {
            self = .utc
            return
        }
        guard TimeZoneName.isWellFormed(name), let zone = TimeZone(identifier: name) else { return nil }
        self.name = name
        self.zone = zone
    }

    /// How many seconds the clock is ahead of UTC, at a second since 1970.
    var offset: @Sendable (_ second: Int64) -> Int64 {
        guard let zone else { return { _ in 0 } }
        return { Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval($0)))) }
    }
}
