import CognitionCore
import Foundation

/// What an index does to its folder: a seam, so that tests can stop or fail at each step.
package protocol IndexFiles: Sendable {
    func makeFolder(_ path: String) throws
    func names(in folder: String) throws -> [String]
    /// Creates or replaces a file with the pieces that `body` gives, one after the other; durable after ``sync(file:)`` only.
    func write(_ path: String, _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws
    func read(_ path: String) throws -> [UInt8]
    func sync(file path: String) throws
    /// Makes names that were created, renamed or removed durable.
    func sync(folder path: String) throws
    func rename(_ path: String, to target: String) throws
    /// A file that is not there is no error.
    func remove(_ path: String) throws
}

/// The file system.
package struct DiskFiles: IndexFiles {
    package init() {}

    package func makeFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw SearchError(.searchStorageFailed, "The folder of the index could not be made.", cause: error)
        }
    }

    package func names(in folder: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw SearchError(.searchStorageFailed, "The folder of the index could not be read.", cause: error)
        }
    }

    package func write(_ path: String, _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw SearchError.file("create", path) }
        var isOpen = true
        defer { if isOpen { close(file) } }
        try body { piece in
            var rest = piece[...]
            while !rest.isEmpty {
                let written = Foundation.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { throw SearchError.file("write", path) }
                rest = rest.dropFirst(written)
            }
        }
        isOpen = false
        guard close(file) == 0 else { throw SearchError.file("write", path) }
    }

    package func read(_ path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else { throw SearchError.file("read", path) }
        return [UInt8](data)
    }

    package func sync(file path: String) throws { try sync(path, O_RDONLY) }

    package func sync(folder path: String) throws { try sync(path, O_RDONLY | O_DIRECTORY) }

    private func sync(_ path: String, _ flags: Int32) throws {
        let file = open(path, flags | O_CLOEXEC)
        guard file >= 0 else { throw SearchError.file("open", path) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw SearchError.file("save", path) }
    }

    package func rename(_ path: String, to target: String) throws {
        guard Foundation.rename(path, target) == 0 else { throw SearchError.file("rename", path) }
    }

    package func remove(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw SearchError.file("remove", path) }
    }
}
