import CPostgres
import CognitionCore
import CognitionStorage

/// Opens connections, one like the other.
struct PostgresOpener: Sendable {
    /// A connection that is ready for work.
    struct Opened {
        let connection: OpaquePointer
        /// Something between us and the server, such as PgBouncer, hands out its sessions: settings and prepared
        /// statements do not last from one transaction to the next, and nobody can listen.
        let isPooled: Bool
    }

    /// What a connection is for.
    enum Role {
        case writer
        case reader
        case listener
    }

    static let versionMin: Int32 = 130_000

    let options: PostgresOptions

    /// - Throws: `StorageError` that says why not.
    func open(as role: Role) throws -> Opened {
        let connection = try connect(as: role)
        do {
            try check(connection)
            let isPooled = try Int32(execute("SELECT pg_backend_pid()", on: connection)) != PQbackendPID(connection)
            // So that no transaction has to say it again.
            if !isPooled { _ = try execute(settings(for: role, inTransaction: false), on: connection) }
            return Opened(connection: connection, isPooled: isPooled)
        } catch {
            PQfinish(connection)
            throw error
        }
    }

    /// A statement that sets what a session keeps to, or a transaction where sessions do not last.
    ///
    /// A commit is always waited for: a server that acknowledges before its disk has it is told not to. Only the listener's,
    /// whose wake-ups may be lost, never waits for the disk, and holds the server's lock on notifications no longer than that.
    /// And there are ways
    /// that the planner is not to go where there is another: our statements find their rows by an index, while with statistics
    /// from when a table was small, or was filled otherwise, it would rather read the whole of it. A table without an index then
    /// looks so dear that every statement about it would be compiled, for tens of milliseconds each time; none of ours is worth that.
    func settings(for role: Role, inTransaction isLocal: Bool) -> String {
        var settings = [
            ("statement_timeout", "'\(options.statementTimeout.wholeMilliseconds)'"),
            ("lock_timeout", "'\(options.lockTimeout.wholeMilliseconds)'"),
            ("idle_in_transaction_session_timeout", "'\((options.statementTimeout * 2).wholeMilliseconds)'"),
            (
                "synchronous_commit",
                role == .listener
                    ? "'off'"
                    : """
                    CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END
                    """
            ),
        ]
        settings += ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"].map { ($0, "'off'") }
        if !isLocal { settings.append(("default_transaction_isolation", "'\(role.isolation)'")) }
        return "SELECT " + settings.map { "set_config('\($0.0)', \($0.1), \(isLocal))" }.joined(separator: ", ")
    }

    private func connect(as role: Role) throws -> OpaquePointer {
        // What stands first gives way to what stands in the address.
        let standard: KeyValuePairs<String, String> = [
            "application_name": "cognitionos", "target_session_attrs": role.server,
            "connect_timeout": "\(max(2, options.connectTimeout.components.seconds))",
            "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "30000",
        ]
        let words =
            standard.map { ($0.key, $0.value) } + options.target.map { ($0.name, $0.value.reveal()) }
            + [("client_encoding", "UTF8")]
        let connection = withCStrings(words.map(\.0)) { names in
            withCStrings(words.map(\.1)) { values in PQconnectdbParams(names, values, 1) }
        }
        guard let connection else { throw StorageError(.storageIO, "there is no memory for a connection") }
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
        guard PQstatus(connection) == CONNECTION_OK else {
            let failure = PostgresFailure(connection: connection)
            PQfinish(connection)
            throw StorageError(.storageUnreachable, Self.reason(failure.message), cause: failure)
        }
        return connection
    }

    /// What people are told: the library's text names host, user and database, and the whole address, with its password,
    /// only when it cannot read that.
    private static func reason(_ message: String) -> String {
        message.contains("://")
            ? "the address of the database cannot be read" : "the database cannot be reached: \(message)"
    }

    private func check(_ connection: OpaquePointer) throws {
        guard PQserverVersion(connection) >= Self.versionMin else {
            throw StorageError(.storageUnsupported, "the database server is older than PostgreSQL 13")
        }
        let encoding = PQparameterStatus(connection, "server_encoding").map { String(cString: $0) }
        guard encoding == "UTF8" else {
            throw StorageError(
                .storageUnsupported, "the database has the encoding \(encoding ?? "unknown"); it has to be UTF8")
        }
    }

    /// Runs a statement on a connection that is not in pipeline mode, and returns the first value of its first row.
    func execute(_ statement: String, _ values: [String] = [], on connection: OpaquePointer) throws -> String {
        let answer = withCStrings(values) { addresses in
            PQexecParams(connection, statement, Int32(values.count), nil, addresses, nil, nil, 0)
        }
        guard let answer else { throw StorageError(PostgresFailure(connection: connection)) }
        defer { PQclear(answer) }
        switch PQresultStatus(answer) {
        case PGRES_COMMAND_OK: return ""
        case PGRES_TUPLES_OK:
            return PQntuples(answer) == 0 ? "" : PQgetvalue(answer, 0, 0).map { String(cString: $0) } ?? ""
        default: throw StorageError(PostgresFailure(answer, statement: statement))
        }
    }
}

extension PostgresOpener.Role {
    /// Writes see what was committed before each statement, reads one moment.
    fileprivate var isolation: String { self == .reader ? "repeatable read" : "read committed" }

    /// Which of several servers it looks for: a reader also one that takes no writes just now, but no copy that lags behind.
    var server: String { self == .reader ? "primary" : "read-write" }

    var begin: String { self == .reader ? "BEGIN READ ONLY" : "BEGIN" }

    /// The same where sessions do not last.
    var pooledBegin: String { "BEGIN ISOLATION LEVEL \(isolation.uppercased())\(self == .reader ? " READ ONLY" : "")" }
}

/// Lends an array of C strings with a NULL behind the last.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    var bytes: [CChar] = []
    let starts = strings.map { string in
        defer { bytes += string.utf8CString }
        return bytes.count
    }
    return bytes.withUnsafeBufferPointer { buffer in
        let pointers = starts.map { buffer.baseAddress?.advanced(by: $0) } + [nil]
        return pointers.withUnsafeBufferPointer { pointers in
            guard let first = pointers.baseAddress else { preconditionFailure("an array with a NULL is not empty") }
            return body(first)
        }
    }
}

extension Duration {
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}
