import Foundation
import GRDBSQLite
import Synchronization

/// A flag that one task sets and others look at.
final class ManualFlag: Sendable {
    private let flag = Atomic(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
}

/// A disk that fails when told to, for files whose name contains `faulty`.
///
/// It is a VFS (https://sqlite.org/vfs.html) over the system's own and becomes the process's default; other files pass
/// through it untouched. There is one, so the tests that use it take turns.
enum FaultyDisk {
    enum Operation: Sendable {
        case read, write, sync

        fileprivate var failure: Int32 {
            switch self {
            case .read: SQLITE_IOERR | (1 << 8)
            case .write: SQLITE_IOERR | (3 << 8)
            case .sync: SQLITE_IOERR | (4 << 8)
            }
        }
    }

    struct Plan: Sendable {
        var operation: Operation
        /// Operations that succeed before the first that fails.
        var skip = 0
        /// Operations that fail.
        var count = Int.max
        /// What they fail with; by default an I/O error.
        var code: Int32?
    }

    static func fail(_ plan: Plan?) {
        state.withLock { $0 = plan }
    }

    /// The failures of the plan have all happened.
    static var isExhausted: Bool { state.withLock { $0?.count == 0 } }

    fileprivate static let state = Mutex<Plan?>(nil)

    fileprivate static func outcome(of operation: Operation) -> Int32? {
        state.withLock { plan in
            guard var current = plan, current.operation == operation, current.count > 0 else { return nil }
            defer { plan = current }
            guard current.skip == 0 else {
                current.skip -= 1
                return nil
            }
            current.count -= 1
            return current.code ?? operation.failure
        }
    }

    /// Makes this the default VFS of the process, once.
    static func install() { _ = installed }

    private static let installed: Bool = {
        guard let system = sqlite3_vfs_find(nil) else { return false }
        systemVFS.withLock { $0 = UInt(bitPattern: system) }
        let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        vfs.initialize(to: system.pointee)
        vfs.pointee.pNext = nil
        vfs.pointee.zName = UnsafePointer(name)
        vfs.pointee.xOpen = { _, path, file, flags, outFlags in
            guard let system = UnsafeMutablePointer<sqlite3_vfs>(bitPattern: systemVFS.withLock({ $0 })) else {
                return SQLITE_ERROR
            }
            let code = system.pointee.xOpen(system, path, file, flags, outFlags)
            guard code == SQLITE_OK, let path, String(cString: path).contains("faulty"), let file else { return code }
            file.pointee.pMethods = faulty(file.pointee.pMethods)
            return code
        }
        return sqlite3_vfs_register(vfs, 1) == SQLITE_OK
    }()

    /// Lives as long as the process, as SQLite asks of a VFS.
    private nonisolated(unsafe) static let name = strdup("faulty")
}

/// Addresses, which are numbers here so that they may be kept between threads; what they point to is never freed.
private let systemVFS = Mutex<UInt>(0)
/// Some table of the system; all of its tables read, write and sync in the same way.
private let systemMethods = Mutex<UInt>(0)
/// The faulty table of each of the system's, which differ in how files are locked and closed.
private let faultyMethods = Mutex<[UInt: UInt]>([:])

private typealias Methods = UnsafePointer<sqlite3_io_methods>

/// The system's methods with reading, writing and syncing replaced.
private func faulty(_ system: Methods?) -> Methods? {
    guard let system else { return nil }
    return faultyMethods.withLock { tables in
        if let table = tables[UInt(bitPattern: system)] { return Methods(bitPattern: table) }
        systemMethods.withLock { $0 = UInt(bitPattern: system) }
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        methods.initialize(to: system.pointee)
        methods.pointee.xRead = { file, buffer, count, offset in
            FaultyDisk.outcome(of: .read) ?? original()?.xRead(file, buffer, count, offset) ?? SQLITE_ERROR
        }
        methods.pointee.xWrite = { file, buffer, count, offset in
            FaultyDisk.outcome(of: .write) ?? original()?.xWrite(file, buffer, count, offset) ?? SQLITE_ERROR
        }
        methods.pointee.xSync = { file, flags in
            FaultyDisk.outcome(of: .sync) ?? original()?.xSync(file, flags) ?? SQLITE_ERROR
        }
        tables[UInt(bitPattern: system)] = UInt(bitPattern: methods)
        return Methods(methods)
    }
}

private func original() -> sqlite3_io_methods? {
    Methods(bitPattern: systemMethods.withLock { $0 })?.pointee
}
