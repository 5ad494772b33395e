import CPostgres
import CognitionCore

/// libpq on one connection: prepared statements, one for each row, sent together in pipeline mode.
final class RawPostgresLog: RawLog {
    private let connection: OpaquePointer?
    private let ids = UUIDGenerator()

    /// Their names are the cases'.
    private enum Statement: String, CaseIterable {
        case stream, lock, head, event, read

        var text: String {
            switch self {
            case .stream:
                """
                INSERT INTO streams (workspace_id, type, id, version) VALUES ('default', 'bench', $1, $2)
                ON CONFLICT (workspace_id, type, id) DO UPDATE SET version = streams.version + excluded.version
                RETURNING key, version
                """
            case .lock: "SELECT CAST(1 AS BIGINT) FROM pg_advisory_xact_lock(hashtextextended('events.head', 0))"
            case .head: "SELECT COALESCE(MAX(position), 0) FROM events"
            case .event:
                """
                INSERT INTO events (
                    position, stream_key, version, event_id, type, type_version, time, actor, data, data_hash
                ) VALUES ($1, $2, $3, $4, $5, 1, $6, 'operator', $7, $8)
                """
            case .read:
                """
                SELECT \(RawRead.columns) FROM events e CROSS JOIN streams s
                WHERE s.key = e.stream_key AND e.position > $1 AND e.position <= $2 ORDER BY e.position
                """
            }
        }
    }

    init(_ url: String) throws {
        connection = PQconnectdb(url)
        guard PQstatus(connection) == CONNECTION_OK else { throw failure() }
        for statement in Statement.allCases {
            let result = PQprepare(connection, statement.rawValue, statement.text, 0, nil)
            defer { PQclear(result) }
            guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw failure() }
        }
        guard PQenterPipelineMode(connection) == 1 else { throw failure() }
    }

    func close() { PQfinish(connection) }

    func append(_ appends: [RawAppend]) throws {
        let count = appends.reduce(0) { $0 + $1.events.count }
        try control("BEGIN")
        for append in appends { try send(.stream, [Array(append.stream.utf8), bytes(Int64(append.events.count))]) }
        try send(.lock, [])
        try send(.head, [])
        let found = try answers(3 + appends.count)
        var places = found.dropFirst().makeIterator()
        guard var position = found.last?.first else { throw failure() }
        let time = bytes(SystemWallClock().now.microseconds)
        for append in appends {
            guard let place = places.next(), place.count == 2 else { throw failure() }
            let added = Int64(append.events.count)
            for (number, event) in append.events.enumerated() {
                position += 1
                let id = ids.next() as UUIDv7
                try send(
                    .event,
                    [
                        bytes(position), bytes(place[0]), bytes(place[1] - added + Int64(number) + 1),
                        bytes(id.high) + bytes(id.low), Array(event.type.utf8), time, event.data, event.hash,
                    ])
            }
        }
        try control("COMMIT")
        _ = try answers(count + 1)
    }

    func readAll(to head: Int64) throws {
        for position in stride(from: 0, to: head, by: Int(RawRead.page)) {
            try send(.read, [bytes(position), bytes(position + RawRead.page)])
            guard PQpipelineSync(connection) == 1 else { throw failure() }
            let result = PQgetResult(connection)
            defer { PQclear(result) }
            guard PQresultStatus(result) == PGRES_TUPLES_OK else { throw failure() }
            PQclear(PQgetResult(connection))
            PQclear(PQgetResult(connection))
        }
    }

    private func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    private func control(_ text: String) throws {
        guard PQsendQueryParams(connection, text, 0, nil, nil, nil, nil, 1) == 1 else { throw failure() }
    }

    private func send(_ statement: Statement, _ values: [[UInt8]]) throws {
        let starts = values.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
        let buffer = Array(values.joined())
        let sent = buffer.withUnsafeBytes { buffer in
            let addresses = starts.dropLast().map {
                buffer.baseAddress?.advanced(by: $0).assumingMemoryBound(to: CChar.self)
            }
            return PQsendQueryPrepared(
                connection, statement.rawValue, Int32(values.count), addresses.map { UnsafePointer($0) },
                values.map { Int32($0.count) }, values.map { _ in 1 }, 1)
        }
        guard sent == 1 else { throw failure() }
    }

    /// Waits for the answers to `count` statements: the numbers in the first row of each.
    private func answers(_ count: Int) throws -> [[Int64]] {
        guard PQpipelineSync(connection) == 1 else { throw failure() }
        var found: [[Int64]] = []
        for _ in 0..<count {
            let result = PQgetResult(connection)
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK: found.append([])
            case PGRES_TUPLES_OK:
                found.append(
                    (0..<PQnfields(result)).map { column in
                        Int64(bigEndian: UnsafeRawPointer(PQgetvalue(result, 0, column)).loadUnaligned(as: Int64.self))
                    })
            default: throw failure()
            }
            PQclear(PQgetResult(connection))
        }
        PQclear(PQgetResult(connection))
        return found
    }

    private func failure() -> BenchmarkFailure {
        BenchmarkFailure("PostgreSQL: \(String(cString: PQerrorMessage(connection)))")
    }
}
