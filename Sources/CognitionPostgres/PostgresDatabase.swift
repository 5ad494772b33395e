import CognitionCore
package import CognitionStorage
package import Logging
package import Metrics

/// A database of a PostgreSQL server, which any number of nodes may share.
///
/// A few threads write, each in rounds of its own on a connection of its own, and others read. Connections are opened when
/// they are needed, checked before each use, and opened again when they were lost. What other nodes have committed is told
/// over a further connection; where that is not possible, whoever waits looks for it.
///
/// It works behind a pooler that hands out sessions by transaction (PgBouncer): that is noticed when a connection is
/// opened, and nothing is then prepared, listened for or set for longer than a transaction.
package final class PostgresDatabase: Database {
    package let dialect = Dialect.postgres
    package let isShared = true
    package let signals: Signals

    private let options: PostgresOptions
    private let writer: WriteQueue
    private let readers: ReadPool
    private let availability: PostgresAvailability
    private let listener: PostgresListener

    private init(_ options: PostgresOptions, logger: Logger, metrics: any MetricsFactory) {
        self.options = options
        let opener = PostgresOpener(options: options)
        availability = PostgresAvailability(opener: opener, logger: logger)
        let listener = PostgresListener(opener: opener, logger: logger)
        self.listener = listener
        signals = Signals { listener.announce($0) }
        let metrics = StorageMetrics(factory: metrics)
        writer = WriteQueue(signals: signals, metrics: metrics, requestsMax: options.requestsPerTransaction)
        readers = ReadPool(metrics: metrics)
    }

    /// Connects to the server.
    /// - Throws: `StorageError` that says why not.
    package static func open(
        _ options: PostgresOptions, logger: Logger, metrics: any MetricsFactory = MetricsSystem.factory
    ) async throws -> PostgresDatabase {
        precondition((1...16).contains(options.writers), "there are 1...16 writers")
        precondition((1...256).contains(options.readers), "there are 1...256 readers")
        let database = PostgresDatabase(options, logger: logger, metrics: metrics)
        do {
            try await database.start()
        } catch {
            await database.close()
            throw error
        }
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
        try await readers.read(body)
    }

    package var writesWaiting: Int { writer.waiting }

    /// Copies are for the server's own tools.
    package func backup(to path: String) async throws {
        throw StorageError(
            .storageUnsupported, "a PostgreSQL database is copied with pg_dump, or by the server's own archiving")
    }

    package func close() async {
        availability.close()
        async let reading: Void = readers.close()
        await writer.close()
        await reading
        await listener.close()
    }

    private func start() async throws {
        let (availability, opener) = (availability, PostgresOpener(options: options))
        let ids = UUIDGenerator()
        try await writer.start("postgres-writer", count: options.writers) {
            PostgresConnection(availability, opener: opener, role: .writer, ids: ids)
        }
        try await readers.start("postgres-reader", count: options.readers) {
            PostgresConnection(availability, opener: opener, role: .reader, ids: ids)
        }
        listener.start(signals)
        try await writer.exclusively { connection in
            try connection.begin(.write)
            try connection.lock("storage.writers")
            for statement in CommitMarker.preparation { _ = try connection.run(statement) { _ in true } }
            try connection.commit()
        }
    }
}
