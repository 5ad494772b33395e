/// Names of time zones, such as `Europe/Zurich`. Which of them there are is for the system to say.
package enum TimeZoneName {
    package static let bytesMax = 64

    /// Whether `name` is written as those of the IANA database are.
    package static func isWellFormed(_ name: String) -> Bool {
        // What Foundation has looked up before it finds again with a NUL behind it.
        name.utf8.count <= bytesMax && name.utf8.allSatisfy { (0x21..<0x7F).contains($0) }
            && (name.contains("/") || withoutArea.contains(name))
    }

    /// Zones of the database that are named after no place. Foundation also knows differences such as `GMT+2`, and
    /// abbreviations such as `IST`, which mean another zone to everybody.
    private static let withoutArea: Set<String> = [
        "CET", "CST6CDT", "EET", "EST", "EST5EDT", "GMT", "HST", "MET", "MST", "MST7MDT", "PST8PDT", "UTC", "WET",
    ]
}
