import CognitionCore
import CognitionStorage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the file system has to do for a database beyond what SQLite asks of it.
enum SQLiteFile {
    /// Sees that `path` can be a database, and makes an empty file, readable by this user alone, when there is none.
    static func prepare(_ path: String, mayCreate: Bool) throws {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw StorageError(.storageCorrupt, "\(path) is not a file, so it cannot be a database")
            }
            guard access(path, R_OK | W_OK) == 0 else { throw failure(.storageReadOnly, "open", path) }
            return
        }
        guard errno == ENOENT, mayCreate else { throw failure(.storageIO, "open", path) }
        let descriptor = Self.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(errno == EACCES ? .storageReadOnly : .storageIO, "create", path) }
        close(descriptor)
    }

    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Makes a file's content durable.
    static func synchronize(_ path: String) throws {
        let descriptor = Self.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(.storageIO, "open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(.storageIO, "save", path) }
    }

    /// Gives `source` the name `target` in the same folder, at once for whoever looks, and makes that durable.
    static func move(_ source: String, to target: String, overwrites: Bool) throws {
        if overwrites {
            guard rename(source, target) == 0 else { throw failure(.storageIO, "replace", target) }
        } else if link(source, target) == 0 {
            unlink(source)
        } else if errno == EEXIST {
            throw StorageError(.storageExists, "\(target) exists already")
        } else {
            // A file system without hard links: nothing but a look beforehand protects a file that is there.
            guard !exists(target) else { throw StorageError(.storageExists, "\(target) exists already") }
            guard rename(source, target) == 0 else { throw failure(.storageIO, "create", target) }
        }
        try synchronize(folder(of: target))
    }

    /// Removes a database file, and what SQLite keeps beside it.
    static func remove(_ path: String) {
        unlink(path)
        removeCompanions(of: path)
    }

    /// Removes the WAL, its index and a rollback journal.
    static func removeCompanions(of path: String) {
        for suffix in ["-wal", "-shm", "-journal"] { unlink(path + suffix) }
    }

    /// A name in the folder of `path` that nobody uses; hidden.
    static func temporaryName(beside path: String) -> String {
        let name = path.split(separator: "/").last ?? "database"
        return "\(folder(of: path))/.\(name).\(UUIDGenerator().next()).tmp"
    }

    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func open(_ path: String, _ flags: Int32, _ mode: mode_t = 0) -> Int32 {
        #if canImport(Glibc)
            Glibc.open(path, flags, mode)
        #else
            Darwin.open(path, flags, mode)
        #endif
    }

    private static func failure(_ code: ErrorCode, _ verb: String, _ path: String) -> StorageError {
        StorageError(code, "cannot \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}
