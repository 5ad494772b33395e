package import CognitionCore

/// Why durable state could not be read or changed.
package struct StorageError: CodedError {
    package let code: ErrorCode
    package let message: String
    package let cause: (any Error)?

    package init(_ code: ErrorCode, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// Nothing was written, and the same call may succeed later.
    package var isTransient: Bool { code.category == .unavailable }

    static let closed = StorageError(.storageClosed, "the database is closed")

    static func overloaded(waiting: Int) -> StorageError {
        StorageError(.storageOverloaded, "\(waiting) requests wait for the database already")
    }

    /// A failure ended the transaction before the body did.
    package static let transactionEnded = StorageError(.storageIO, "the transaction has ended after a failure")

    /// What every driver says of a text that not every engine stores.
    package static let textHoldsNUL = StorageError(.textInvalid, "a text with the character U+0000 cannot be stored")

    static func unexpectedValue(column: Int, wanted: Any.Type) -> StorageError {
        StorageError(.unexpectedValue, "column \(column) does not hold a value of type \(wanted)")
    }
}

extension ErrorCode {
    /// The database has been closed.
    package static let storageClosed = ErrorCode("storage.closed", category: .unavailable)
    /// More requests wait than the queue takes.
    package static let storageOverloaded = ErrorCode("storage.overloaded", category: .unavailable)
    /// The disk is full; nothing of the request was written.
    package static let storageFull = ErrorCode("storage.full", category: .unavailable)
    /// The disk failed to read or write.
    package static let storageIO = ErrorCode("storage.io_failed", category: .unavailable)
    /// Two transactions were in each other's way, and the engine ended this one.
    package static let storageConflict = ErrorCode("storage.conflict", category: .unavailable)
    /// Another process holds the database locked.
    package static let storageBusy = ErrorCode("storage.busy", category: .unavailable)
    /// The database server cannot be reached, takes no connection, or has cut one.
    package static let storageUnreachable = ErrorCode("storage.unreachable", category: .unavailable)
    /// The database took longer for a statement than it may.
    package static let storageTimeout = ErrorCode("storage.timeout", category: .unavailable)
    /// The connection was lost during a commit, and nothing could tell afterwards whether that took effect. It may have, so
    /// this is not transient.
    package static let commitUnknown = ErrorCode("storage.commit_unknown", category: .internal)
    /// The database takes no writes.
    package static let storageReadOnly = ErrorCode("storage.read_only", category: .unavailable)
    /// A row with that key exists, or a referenced one does not.
    package static let constraintViolated = ErrorCode("storage.constraint", category: .conflict)
    /// The file is not a database, or is damaged.
    package static let storageCorrupt = ErrorCode("storage.corrupt", category: .internal)
    /// The statement is wrong: a defect of the program.
    package static let statementInvalid = ErrorCode("storage.statement", category: .internal)
    /// A text holds a character that cannot be stored.
    package static let textInvalid = ErrorCode("storage.text_invalid", category: .invalid)
    /// A column holds what the program does not expect.
    package static let unexpectedValue = ErrorCode("storage.unexpected_value", category: .internal)
    /// The database was written by a newer release.
    package static let databaseNewer = ErrorCode("storage.newer_database", category: .unsupported)
    /// The database lacks migrations, and this command may not apply them.
    package static let databaseOlder = ErrorCode("storage.older_database", category: .unavailable)
    /// An applied migration differs from the one in this release.
    package static let migrationChanged = ErrorCode("storage.migration_changed", category: .internal)
    /// A file that must not be replaced is there already.
    package static let storageExists = ErrorCode("storage.exists", category: .conflict)
    /// A database that a copy is to go into has something in it already.
    package static let copyRefused = ErrorCode("storage.copy_refused", category: .conflict)
    /// A database and its copy do not hold the same.
    package static let copyDiffers = ErrorCode("storage.copy_differs", category: .internal)
    /// The engine has no such power.
    package static let storageUnsupported = ErrorCode("storage.unsupported", category: .unsupported)
}
