import Foundation
import Glibc
import Synchronization

/// A file in the data folder that only its owner may read.
enum PrivateFile {
    /// Held while a file is written: its bytes go through another file of one name.
    private static let writing = Mutex(())

    /// Replaces the file as a whole, durably: a reader finds the old or the new bytes, also after a crash.
    static func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }

    static func write(_ bytes: [UInt8], to path: String) throws {
        try writing.withLock { _ in try replace(path, with: bytes) }
    }

    private static func replace(_ path: String, with bytes: [UInt8]) throws {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure(temporary) }
        defer { close(descriptor) }
        // The file may have been there, with other rights.
        guard fchmod(descriptor, 0o600) == 0 else { throw failure(temporary) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(temporary) }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0, rename(temporary, path) == 0 else { throw failure(path) }
        try synchronize(folder: (path as NSString).deletingLastPathComponent)
    }

    /// Makes durable which files are in a folder.
    static func synchronize(folder path: String) throws {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw failure(path) }
        defer { close(folder) }
        // Some file systems cannot, and say so.
        guard fsync(folder) == 0 || errno == EINVAL else { throw failure(path) }
    }

    /// - Returns: `nil` when there is no such file.
    /// - Throws: `CommandFailure` when it cannot be read, or others may read it.
    static func read(_ path: String, bytesMax: Int = 1 << 20) throws -> String? {
        guard let rights = try rights(of: path) else { return nil }
        guard rights & 0o077 == 0 else {
            throw CommandFailure("\(path) can be read by others; take their rights away: chmod 600 \(path)")
        }
        guard let text = String(validating: try BoundedFile.bytes(of: path, max: bytesMax), as: UTF8.self) else {
            throw CommandFailure("\(path) is no UTF-8 text")
        }
        return text
    }

    /// The permissions of a file or folder, or of what a symbolic link leads to; `nil` when there is none.
    static func rights(of path: String) throws -> Int? {
        do {
            let target = (path as NSString).resolvingSymlinksInPath
            let attributes = try FileManager.default.attributesOfItem(atPath: target)
            return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0o777
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile || error.code == .fileNoSuchFile {
            return nil
        } catch {
            throw CommandFailure("\(path): \(error.localizedDescription)")
        }
    }

    private static func failure(_ path: String) -> CommandFailure {
        CommandFailure("\(path): \(String(cString: strerror(errno)))")
    }
}
