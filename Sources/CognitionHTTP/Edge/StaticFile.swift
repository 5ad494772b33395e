import CognitionCore
import HTTPTypes
import Synchronization

/// Bytes that stay the same as long as the program runs: compressed once, and known by their tag.
final class StaticFile: Sendable {
    let bytes: [UInt8]
    let mediaType: String
    let entityTag: EntityTag
    /// `nil` until somebody wants it; empty when it is not worth it.
    private let gzip = Mutex<[UInt8]?>(nil)

    init(_ bytes: [UInt8], mediaType: String) {
        self.bytes = bytes
        self.mediaType = mediaType
        entityTag = EntityTag(of: bytes)
    }

    /// - Returns: `nil` when it would be no shorter.
    var compressed: [UInt8]? {
        let known = gzip.withLock { gzip in
            let made = gzip ?? Gzip.compressed(bytes) ?? []
            gzip = made
            return made
        }
        return known.isEmpty ? nil : known
    }
}
