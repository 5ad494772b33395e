import CognitionCore
import Foundation

/// The folder that holds a database, and the lock that says who owns it.
///
/// The lock is `flock` on `DATA_DIR/lock`: the kernel lets go of it when its process ends, however that happens.
final class DataDirectory: Sendable {
    let path: String
    private let descriptor: Int32

    private init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Makes the folder if it is missing, and takes its lock.
    /// - Returns: `nil` when another process holds it.
    static func lock(_ path: String) throws -> DataDirectory? {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw CommandFailure("the data folder \(path) cannot be made: \(error.localizedDescription)")
        }
        let descriptor = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure("the data folder \(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let isHeld = errno == EWOULDBLOCK
            close(descriptor)
            if isHeld { return nil }
            throw CommandFailure("the data folder \(path) cannot be locked: \(String(cString: strerror(errno)))")
        }
        let owner = Array("\(getpid())\n".utf8)
        // For people who look into the file; the lock itself is the kernel's.
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, owner, owner.count, 0) }
        return DataDirectory(path: path, descriptor: descriptor)
    }

    /// The process that holds the lock, as it has written it there.
    static func owner(of path: String) -> String {
        let text =
            FileManager.default.contents(atPath: path + "/lock").map { String(decoding: $0, as: UTF8.self) } ?? ""
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
