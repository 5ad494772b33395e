import CPostgres

/// The statements of one connection that the server has parsed already, by their text and the types of their values.
///
/// A value that was NULL when a statement was first seen has a type that the server has guessed. When it comes with a type
/// that says otherwise, the statement is prepared again with what is known by then.
struct PreparedStatements {
    struct Statement {
        let name: String
        let text: String
        let types: [Oid]
    }

    enum Found {
        case known(Statement)
        /// Has to be prepared first.
        case new(Statement)
    }

    /// False where something hands out sessions of the server anew for each transaction, which loses what was prepared.
    private(set) var isUsed: Bool
    private var statements: [String: Statement] = [:]
    private var nextNumber = 1

    /// When there are more, all are forgotten here. The server keeps them until the connection ends, so there is a second
    /// bound.
    private static let countMax = 1_024

    init(isUsed: Bool) { self.isUsed = isUsed }

    /// Too many were prepared for the server to keep them all; the connection had better be opened anew.
    var isFull: Bool { nextNumber > 4 * Self.countMax }

    mutating func find(_ text: String, types: [Oid]) -> Found {
        var known: [Oid]?
        if let statement = statements[text] {
            if statement.takes(types) { return .known(statement) }
            known = statement.types
        }
        if statements.count >= Self.countMax { statements.removeAll(keepingCapacity: true) }
        let merged = types.enumerated().map { index, type in
            type == PostgresParameters.TypeID.unknown ? known?[index] ?? type : type
        }
        let statement = Statement(name: "s\(nextNumber)", text: text, types: merged)
        nextNumber += 1
        statements[text] = statement
        return .new(statement)
    }

    /// The server has not taken it.
    mutating func forget(_ statement: Statement) {
        if statements[statement.text]?.name == statement.name { statements[statement.text] = nil }
    }

    mutating func forget(_ text: String) { statements[text] = nil }

    mutating func stopUsing() {
        isUsed = false
        statements = [:]
    }
}

extension PreparedStatements.Statement {
    fileprivate func takes(_ given: [Oid]) -> Bool {
        guard given.count == types.count else { return false }
        for (known, given) in zip(types, given)
        where given != known && given != PostgresParameters.TypeID.unknown {
            return false
        }
        return true
    }
}
