import CognitionCore
import Foundation
import GRDBSQLite

/// Whether a million users make it slower for one of them: the same requests of two servers, one with them and one
/// with a thousand, in turns.
struct UserCountBenchmark: Benchmark {
    static let name = "users"

    /// Few enough that the hashes of passwords, made on one thread, keep up.
    private static let connections = 8
    /// So many that logins of a few seconds are not all of the same user, whose sessions are bounded.
    private static let few = 1_000

    func run(_ bench: Bench) async throws -> [Measurement] {
        let count = bench.size(1_000_000)
        let subject = "p99 with \(Double(count).grouped) users in the database, \(Self.connections) connections"
        guard let load = LoadGenerator() else { return [.missing(subject, Measurement.missingLoadGenerator)] }
        let (empty, full) = (bench.folder + "/users-none", bench.folder + "/users-many")
        for folder in [empty, full] {
            let made: Void? = try ServerProcess.with(folder) { _ = try ServerUser(on: $0) }
            guard made != nil else { return [.missing(subject, Measurement.missingServer)] }
        }
        try Self.fill(empty + "/cognition.db", users: Self.few)
        try Self.fill(full + "/cognition.db", users: count)
        let lines = try ServerProcess.with(empty) { few in
            try ServerProcess.with(full) { many in
                try Self.measure(
                    Asked(few, users: Self.few, bench), Asked(many, users: count, bench), load, bench
                ).map {
                    Measurement(
                        subject: "\($0.what): \(subject)", figure: "\($0.full.digits(2)) ms",
                        beside:
                            "\($0.ratio.digits(2)) x that with \(Double(Self.few).grouped) (\($0.empty.digits(2)) ms)",
                        floors: [.atMost(1.5, $0.ratio, "<= 1.5 x")])
                }
            }
        }
        return (lines ?? nil) ?? [.missing(subject, Measurement.missingServer)]
    }

    /// A server, and how it is asked.
    private struct Asked {
        let server: ServerProcess
        let token: String
        let operatorToken: String
        let loginScript: String

        init(_ server: ServerProcess, users: Int, _ bench: Bench) throws {
            self.server = server
            token = try ServerUser(returningTo: server).token
            operatorToken = try server.operatorToken()
            loginScript = bench.folder + "/login-\(users).lua"
            try UserCountBenchmark.script(users: users).write(toFile: loginScript, atomically: true, encoding: .utf8)
        }

        /// The 99th percentile in milliseconds.
        func latency(of request: Request, _ load: LoadGenerator, seconds: Int) throws -> Double {
            try load.run(
                port: server.port, path: "/api/v3/" + request.path, token: request.isOperators ? operatorToken : token,
                seconds: seconds, connections: UserCountBenchmark.connections,
                script: request.isLogin ? loginScript : nil
            ).percentile99
        }
    }

    private struct Request {
        let path: String
        var isLogin = false
        var isOperators = false

        static let all = [
            Request(path: "auth/me"), Request(path: "auth/sessions"), Request(path: "workspaces"),
            Request(path: "users?limit=50", isOperators: true),
            Request(path: "users?limit=50&status=active", isOperators: true),
            Request(path: "auth/login", isLogin: true),
        ]
    }

    private static func measure(
        _ few: Asked, _ many: Asked, _ load: LoadGenerator, _ bench: Bench
    ) throws -> [(what: String, empty: Double, full: Double, ratio: Double)] {
        let seconds = bench.size(4)
        return try Request.all.map { request in
            for asked in [few, many] { _ = try asked.latency(of: request, load, seconds: 1) }
            var pairs: [(empty: Double, full: Double)] = []
            for _ in 0..<bench.repetitions {
                pairs.append(
                    (
                        try few.latency(of: request, load, seconds: seconds),
                        try many.latency(of: request, load, seconds: seconds)
                    ))
            }
            return (
                request.path, pairs.map(\.empty).median, pairs.map(\.full).median,
                pairs.map { $0.full / $0.empty }.median
            )
        }
    }

    /// Logs in as any of the users that ``fill(_:users:)`` makes.
    private static func script(users: Int) -> String {
        """
        wrk.method = "POST"
        wrk.headers["Content-Type"] = "application/json"
        request = function()
            local who = string.format("user%d@example.com", math.random(\(users)))
            return wrk.format(nil, nil, nil, '{"email":"' .. who .. '","password":"\(ServerUser.password)"}')
        end

        """
    }

    /// Copies the one user of a stopped server, with the personal workspace, so many times.
    private static func fill(_ database: String, users: Int) throws {
        let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(users))"
        let (user, workspace) = (
            "printf('01900000-0000-7000-8000-%012x', n.i)", "printf('01900000-0000-7000-9000-%012x', n.i)"
        )
        var connection: OpaquePointer?
        defer { sqlite3_close_v2(connection) }
        let statements = [
            "PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN",
            """
            \(numbers) INSERT INTO users (id, email, password_hash, status, is_operator, home_workspace_id, failed_logins,
                created_at, updated_at)
            SELECT \(user), 'user' || n.i || '@example.com', u.password_hash, u.status, 0, \(workspace), 0, u.created_at,
                u.updated_at
            FROM n, (SELECT * FROM users LIMIT 1) u
            """,
            """
            \(numbers) INSERT INTO workspaces (id, title, created_at, created_by, updated_at)
            SELECT \(workspace), NULL, u.created_at, \(user), u.updated_at FROM n, (SELECT * FROM users LIMIT 1) u
            """,
            """
            \(numbers) INSERT INTO workspace_members (workspace_id, user_id, role, created_at)
            SELECT \(workspace), \(user), 'admin', u.created_at FROM n, (SELECT * FROM users LIMIT 1) u
            """,
            "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)",
        ]
        guard sqlite3_open_v2(database, &connection, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK else {
            throw BenchmarkFailure("\(database) cannot be opened")
        }
        for statement in statements where sqlite3_exec(connection, statement, nil, nil, nil) != SQLITE_OK {
            throw BenchmarkFailure("the users cannot be made: \(String(cString: sqlite3_errmsg(connection)))")
        }
    }
}
