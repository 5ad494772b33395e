import CognitionCore

#if canImport(Glibc)
    import Glibc
    import SwiftOverlayShims
#else
    import Darwin
#endif

/// How much room the file system of a folder has.
package struct DiskSpace: Sendable, Hashable {
    /// Below this, or below a tenth of the whole, it is degraded.
    static let scarceBytes: UInt64 = 1 << 30
    /// Below this it is unhealthy: the next large write may fail.
    static let exhaustedBytes: UInt64 = 64 << 20

    /// What this user may still write.
    package let freeBytes: UInt64
    package let totalBytes: UInt64

    package init(freeBytes: UInt64, totalBytes: UInt64) {
        self.freeBytes = freeBytes
        self.totalBytes = totalBytes
    }

    /// - Throws: `DiskSpaceError` when the folder cannot be looked at.
    package init(ofFolder path: String) throws {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw DiskSpaceError.unreadable(errno: errno) }
        let unit = UInt64(status.f_frsize)
        self.init(freeBytes: UInt64(status.f_bavail) * unit, totalBytes: UInt64(status.f_blocks) * unit)
    }

    package var status: HealthStatus {
        if freeBytes < Self.exhaustedBytes { return .unhealthy }
        return freeBytes < Self.scarceBytes || freeBytes < totalBytes / 10 ? .degraded : .healthy
    }
}

package enum DiskSpaceError: Error, Hashable {
    case unreadable(errno: Int32)
}

extension HealthCheck {
    /// Looks whether the file system of `folder` has room.
    package static func diskSpace(ofFolder folder: String, isRequired: Bool = true) -> HealthCheck {
        HealthCheck("disk", isRequired: isRequired) {
            let space = try DiskSpace(ofFolder: folder)
            return Finding(
                space.status,
                details: [
                    "free_bytes": .integer(Int64(clamping: space.freeBytes)),
                    "total_bytes": .integer(Int64(clamping: space.totalBytes)),
                ])
        }
    }
}
