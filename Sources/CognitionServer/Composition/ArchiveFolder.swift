import CognitionStorage
import Foundation

/// Files of what has left the database, below the data folder, which only its owner may read.
struct ArchiveFolder: Archive {
    let path: String

    func store(_ bytes: [UInt8], as name: String) throws {
        if !has("") {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            // A file in a folder that a crash has taken away would be gone with it.
            try PrivateFile.synchronize(folder: (path as NSString).deletingLastPathComponent)
        }
        try PrivateFile.write(bytes, to: path + "/" + name)
    }

    func load(_ name: String, bytesMax: Int) throws -> [UInt8]? {
        guard has(name) else { return nil }
        return try BoundedFile.bytes(of: path + "/" + name, max: bytesMax)
    }

    func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }

    func discard(_ name: String) throws {
        if has(name) { try FileManager.default.removeItem(atPath: path + "/" + name) }
    }
}
