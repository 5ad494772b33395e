import CPostgres
import CognitionCore
import CognitionStorage

/// What the server or the client library said, for logs: the only place where a statement's text may appear.
struct PostgresFailure: Error, CustomStringConvertible {
    /// Five characters, see https://www.postgresql.org/docs/current/errcodes-appendix.html; `nil` when the client library
    /// speaks for itself, as of a lost connection.
    let state: String?
    let message: String
    var statement: String?

    var description: String {
        let text = "PostgreSQL \(state ?? "client"): \(message)"
        return statement.map { "\(text), in: \($0)" } ?? text
    }

    init(state: String?, message: String, statement: String? = nil) {
        self.state = state
        self.message = message
        self.statement = statement
    }

    /// What a result tells.
    init(_ result: OpaquePointer, statement: String?) {
        func field(_ code: Character) -> String? {
            PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
        }
        state = field("C")
        message = field("M") ?? Self.line(PQresultErrorMessage(result))
        self.statement = statement
    }

    /// What the connection tells.
    init(connection: OpaquePointer?) {
        state = nil
        message = Self.line(PQerrorMessage(connection))
    }

    private static func line(_ text: UnsafePointer<CChar>?) -> String {
        let lines = text.map { String(cString: $0) }?.split(whereSeparator: \.isNewline) ?? []
        return lines.isEmpty ? "unknown" : lines.joined(separator: " ")
    }
}

extension PostgresFailure {
    /// The connection is of no use any more, or leads to a server that is not the right one.
    var isOfConnection: Bool {
        switch state {
        // A statement with a wrong number of values breaks the protocol, but no connection.
        case "08P01": false
        case nil, "57P01", "57P02", "57P03", "57P05", "25P03", "25006": true
        case let state?: state.hasPrefix("08")
        }
    }

    /// What was prepared is not there, or stands for another statement: something hands the server's sessions around.
    var isOfSharedSession: Bool { state == "26000" || state == "42P05" }

    /// A statement prepared earlier does not fit the tables any more.
    var isOfOutdatedPlan: Bool { state == "0A000" && message.contains("cached plan") }
}

extension StorageError {
    init(_ failure: PostgresFailure) {
        let (code, message) = failure.named
        self.init(code, message, cause: failure)
    }

    /// The connection did not survive the failure, or must not be used again.
    var isOfConnection: Bool { (cause as? PostgresFailure)?.isOfConnection ?? (code == .storageUnreachable) }
}

extension PostgresFailure {
    fileprivate var named: (ErrorCode, String) {
        guard let state else { return (.storageUnreachable, "the connection to the database was lost") }
        if isOfSharedSession || isOfOutdatedPlan {
            return (.storageConflict, "the database has forgotten a prepared statement")
        }
        switch state {
        case "53100": return (.storageFull, "the disk of the database is full")
        case "53300": return (.storageUnreachable, "the database takes no more connections")
        case "53200": return (.storageIO, "the database is out of memory")
        case "40001", "40P01": return (.storageConflict, "another transaction was in the way")
        case "55P03": return (.storageBusy, "another transaction holds a lock for too long")
        case "57014": return (.storageTimeout, "the database took too long for a statement")
        case "25006": return (.storageReadOnly, "the database takes no writes")
        case "25P02": return (.storageIO, "the transaction has ended after a failure")
        case "23505", "23P01": return (.constraintViolated, "a row with that key exists already")
        case "23503":
            return (.constraintViolated, "a row that this one refers to does not exist, or is still referred to")
        case "23502": return (.constraintViolated, "a value that must be there is missing")
        case "57P01", "57P02", "57P03", "57P05", "25P03":
            return (.storageUnreachable, "the database has cut the connection")
        case "08P01": return (.statementInvalid, "a statement has another number of values than placeholders")
        case "54000": return (.statementInvalid, "a value is larger than the database takes")
        default: break
        }
        return switch state.prefix(2) {
        case "08": (.storageUnreachable, "the connection to the database was lost")
        case "23": (.constraintViolated, "a value breaks a rule of its table")
        case "53", "58", "F0": (.storageIO, "the database cannot do its work")
        case "XX": (.storageCorrupt, "the database is damaged, or has a fault; see its log")
        default: (.statementInvalid, "the database does not understand a statement")
        }
    }
}
