import CognitionCore
import Foundation

extension TimeZoneName {
    /// The time zone in which a person lives, such as `Europe/Zurich`, as it was given; `nil` for none.
    ///
    /// Source: the IANA time zone database as the system's Foundation has it.
    ///
    /// - Throws: `identity.time_zone_invalid`.
    static func read(_ name: String?) throws -> String? {
        guard let name else { return nil }
        guard isWellFormed(name), TimeZone(identifier: name) != nil else {
            throw IdentityError(
                .timeZoneInvalid, "a time zone is a name of the IANA database, such as Europe/Zurich or UTC")
        }
        return name
    }
}
