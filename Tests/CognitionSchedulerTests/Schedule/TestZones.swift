import CognitionCore
import Foundation

/// Time zones whose clocks have seen most of what clocks do.
enum TestZones {
    static let all = [
        "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
        "America/Santiago", "Africa/Casablanca", "Africa/Cairo", "Asia/Tehran", "Asia/Kolkata", "Asia/Kathmandu",
        "Asia/Tokyo", "Australia/Lord_Howe", "Australia/Sydney", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia",
        "Atlantic/Azores", "Antarctica/Troll",
    ]

    /// How many seconds the clock is ahead of UTC, at a second since 1970.
    static func offset(_ name: String) -> (Int64) -> Int64 {
        guard let zone = TimeZone(identifier: name) else { preconditionFailure("there is no time zone \(name)") }
        return { Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval($0)))) }
    }
}
