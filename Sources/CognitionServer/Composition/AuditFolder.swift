import CognitionIdentity
import Foundation

/// Files of JSON lines below the data folder, which only its owner may read.
struct AuditFolder: AuditArchive {
    let path: String

    func store(_ lines: [UInt8], as name: String) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try PrivateFile.write(String(decoding: lines, as: UTF8.self), to: path + "/" + name)
    }

    func discard(_ name: String) throws { try FileManager.default.removeItem(atPath: path + "/" + name) }
}
