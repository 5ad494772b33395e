import CognitionCore

/// How a database is reached, and how long anything may take.
package struct PostgresOptions: Sendable {
    /// Where the database is: keywords of libpq and their values, see
    /// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS.
    package var target: [Keyword]

    /// Connections that write, each with a thread of its own; 1...16.
    package var writers = 2
    /// Requests that may share a transaction, at least 1; `nil` for as many as a round takes.
    package var requestsPerTransaction: Int?
    /// Connections that read; 1...256.
    package var readers = 6

    /// How long opening one connection may take, for each of the hosts.
    package var connectTimeout: Duration = .seconds(5)
    /// How long a request waits for a server that cannot be reached, counted from the beginning of the outage; afterwards
    /// requests fail at once until it is back.
    package var outagePatience: Duration = .seconds(5)
    /// How long one statement may take; the server ends it then.
    package var statementTimeout: Duration = .seconds(30)
    /// How long a statement waits for a row that another transaction has locked.
    package var lockTimeout: Duration = .seconds(2)

    package struct Keyword: Sendable {
        let name: String
        let value: Secret

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = Secret(value)
        }
    }

    /// - Parameter url: `postgres://` or `postgresql://`, with everything that libpq reads in one.
    package init(url: String) { target = [Keyword("dbname", url)] }

    package init(keywords: [Keyword]) { target = keywords }
}
