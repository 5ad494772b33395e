import Foundation

/// The time zone in which a person lives, such as `Europe/Zurich`.
enum TimeZoneName {
    static let bytesMax = 64

    /// The name as it was given; `nil` for none.
    ///
    /// Source: the IANA time zone database as the system's Foundation has it.
    ///
    /// - Throws: `identity.time_zone_invalid`.
    static func read(_ name: String?) throws -> String? {
        guard let name else { return nil }
        // What Foundation has looked up before it finds again with a NUL behind it.
        guard name.utf8.count <= bytesMax, name.utf8.allSatisfy({ (0x21..<0x7F).contains($0) }),
            name.contains("/") || withoutArea.contains(name), TimeZone(identifier: name) != nil
        else {
            throw IdentityError(
                .timeZoneInvalid, "a time zone is a name of the IANA database, such as Europe/Zurich or UTC")
        }
        return name
    }

    /// Zones of the database that are named after no place. Foundation also knows differences such as `GMT+2`, and
    /// abbreviations such as `IST`, which mean another zone to everybody.
    private static let withoutArea: Set<String> = [
        "CET", "CST6CDT", "EET", "EST", "EST5EDT", "GMT", "HST", "MET", "MST", "MST7MDT", "PST8PDT", "UTC", "WET",
    ]
}
