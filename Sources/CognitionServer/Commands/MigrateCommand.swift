import ArgumentParser
import CognitionCore
import CognitionStorage
import Foundation

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Brings the database up to date, after a copy of what was there.",
        discussion: """
            With --to, all of it is then copied into an empty PostgreSQL database, and both are compared, row by row. The \
            server has to be stopped; the SQLite database is left as it is. Afterwards start the server with DATABASE_URL, \
            and with the same data folder, which has the keys.
            """)

    @Option(help: "Address of an empty PostgreSQL database: postgres://user@host/database.") var to: String?
    @Flag(help: "With --to: prints what was copied as JSON.") var json = false

    func validate() throws {
        if json, to == nil { throw ValidationError("--json goes with --to.") }
    }

    func run() async throws {
        try await reporting {
            try await Node.withNode(ServerConfiguration(), .owner) { node in
                if let to { return try await copy(node, to: to) }
                switch try node.configuration.database {
                case .sqlite(let path): Terminal.write("\(path) is up to date")
                case .postgres: Terminal.write("the PostgreSQL database is up to date")
                }
            }
        }
    }

    private func copy(_ node: Node, to url: String) async throws {
        guard case .sqlite(let path) = try node.configuration.database else {
            throw CommandFailure(
                "--to copies a SQLite database, and the settings name one of a PostgreSQL server already")
        }
        guard case .postgres = try node.configuration.database(at: url) else {
            throw CommandFailure("--to takes the address of a PostgreSQL database: postgres://user@host/database")
        }
        let target = try await node.configuration.database(at: url).open(isGuest: false, node.logger)
        let copy = DatabaseCopy(from: node.database, to: target, migrations: Node.migrations, now: node.clock.now)
        let reports: [DatabaseCopy.Report]
        do {
            reports = try await copy.run { Terminal.note("\($0.table): \($0.digest.rows) rows copied") }
        } catch {
            await target.close()
            throw error
        }
        await target.close()
        tell(reports, path)
    }

    private func tell(_ reports: [DatabaseCopy.Report], _ path: String) {
        let rows = reports.reduce(0) { $0 + $1.digest.rows }
        guard json else {
            Terminal.write(
                """
                \(rows) rows of \(reports.count) tables are copied; both databases hold the same, by count and sum of every table
                \(path) is left as it is. Now set DATABASE_URL to the new database, keep DATA_DIR, and start the server
                """)
            return
        }
        let tables = reports.map { report -> JSONValue in
            [
                "table": .string(report.table), "rows": .integer(Int64(report.digest.rows)),
                "sha256_sum": .string(report.digest.text),
            ]
        }
        let summary: JSONValue = ["rows": .integer(Int64(rows)), "tables": .array(tables)]
        Terminal.write(summary.jsonText)
    }
}
