package import CognitionStorage
package import Metrics
import Synchronization

/// A database in one file, or in memory, without a server.
///
/// One thread owns the only connection that writes; reading threads have connections of their own, which see the last
/// commit and neither wait for the writer nor hold it up. The file is kept in WAL mode with `synchronous=FULL`: what
/// ``write(_:)`` has returned survives a crash of the machine. In memory there is one connection, and reads take turns with
/// writes.
///
/// Checkpoints copy the WAL into the file. They run on the writer alone, right after a commit of its own, so the WAL then
/// always holds frames that nobody has copied yet; the one at the end holds the write lock. SQLite before 3.51.3 may damage
/// a file when one connection checkpoints a WAL that is copied already while another starts it anew (the "WAL-reset bug",
/// https://sqlite.org/wal.html#walresetbug), which cannot come to pass here: processes that are guests never checkpoint,
/// and connections that read cannot.
package final class SQLiteDatabase: Database {
    package let dialect = Dialect.sqlite
    package let signals: Signals
    /// `nil`: in memory.
    package let path: String?
    package let isGuest: Bool

    private let options: SQLiteOptions
    private let metrics: StorageMetrics
    private let writer: WriteQueue
    /// `nil`: in memory.
    private let readers: ReadPool?
    private let backups = Latch()

    private init(path: String?, options: SQLiteOptions, metrics: any MetricsFactory) {
        self.path = path
        self.options = options
        isGuest = options.isGuest
        signals = Signals()
        self.metrics = StorageMetrics(factory: metrics)
        writer = WriteQueue(signals: signals, metrics: self.metrics)
        readers = path == nil ? nil : ReadPool(metrics: self.metrics)
    }

    /// Opens a file, which is made, readable by this user alone, when there is none and this process is no guest.
    /// - Throws: `StorageError` that says why not.
    package static func open(
        at path: String, options: SQLiteOptions = SQLiteOptions(), metrics: any MetricsFactory = MetricsSystem.factory
    ) async throws -> SQLiteDatabase {
        precondition((1...64).contains(options.readers), "there are 1...64 readers")
        try SQLiteFile.prepare(path, mayCreate: !options.isGuest)
        let database = SQLiteDatabase(path: path, options: options, metrics: metrics)
        do {
            try await database.start()
        } catch {
            await database.close()
            throw error
        }
        return database
    }

    /// Opens an empty database that ends with this object.
    package static func inMemory(metrics: any MetricsFactory = MetricsSystem.factory) async throws -> SQLiteDatabase {
        let database = SQLiteDatabase(path: nil, options: SQLiteOptions(), metrics: metrics)
        try await database.start()
        return database
    }

    @discardableResult
    package func write<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) async throws -> Value {
        try await writer.write(body)
    }

    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Value
    ) async throws -> Value {
        if let readers { return try await readers.read(body) }
        let (metrics, requested) = (metrics, ContinuousClock.now)
        return try await writer.exclusively { connection in
            try metrics.read(since: requested) { try connection.read(body) }
        }
    }

    package var writesWaiting: Int { writer.waiting }

    package func close() async {
        async let reading: Void = readers?.close() ?? ()
        await writer.close()
        await reading
        await backups.wait()
    }

    private func start() async throws {
        let writerOpener = SQLiteOpener(path: path, role: .writer, options: options)
        try await writer.start("sqlite-writer") { try SQLiteConnection(writerOpener) }
        guard let readers else { return }
        let readerOpener = SQLiteOpener(path: path, role: .reader, options: options)
        try await readers.start("sqlite-reader", count: options.readers) { try SQLiteConnection(readerOpener) }
    }
}

extension SQLiteDatabase {
    package func backup(to target: String) async throws { try await backup(to: target, overwrites: false) }

    /// Copies the whole database, as it is at this moment, into a new file while work goes on.
    ///
    /// The copy is made beside `target`, checked, made durable and only then given its name.
    ///
    /// - Parameter overwrites: Whether a file that is there already may be replaced.
    /// - Throws: `storage.exists` when it may not; `CancellationError`, after which nothing is left behind.
    package func backup(to target: String, overwrites: Bool) async throws {
        let backup = SQLiteBackup(target: target, overwrites: overwrites)
        backups.enter()
        defer { backups.leave() }
        guard path != nil else {
            return try await writer.exclusively { connection in
                try (connection as? SQLiteConnection)?.withHandle { try backup.run(from: $0, isCancelled: { false }) }
            }
        }
        // A thread of its own, so that a long copy takes no reader away.
        let opener = SQLiteOpener(path: path, role: .reader, options: options)
        // Its queue is not the one that the metrics tell about.
        let pool = ReadPool(metrics: StorageMetrics(factory: NOOPMetricsHandler.instance))
        try await pool.start("sqlite-backup", count: 1) { try SQLiteConnection(opener) }
        let cancellation = Cancellation()
        do {
            try await withTaskCancellationHandler {
                try await pool.exclusively { connection in
                    try (connection as? SQLiteConnection)?.withHandle {
                        try backup.run(from: $0, isCancelled: { cancellation.isCancelled })
                    }
                }
            } onCancel: {
                cancellation.cancel()
            }
            await pool.close()
        } catch {
            await pool.close()
            throw error
        }
    }

    /// Replaces the database at `path`, which **nobody may have open**, by a backup of one of ours.
    ///
    /// Until the last step the old database stays as it is.
    ///
    /// - Throws: `storage.corrupt` when the backup is damaged or not a database of this program.
    package static func restore(from backup: String, to path: String) throws {
        try SQLiteBackup.restore(from: backup, to: path)
    }
}
