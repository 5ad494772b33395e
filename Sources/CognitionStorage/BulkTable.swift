/// A table that is written many rows at a time; made once.
package struct BulkTable: Sendable {
    package enum ColumnType: Sendable {
        case integer
        case double
        case text
        case bytes
    }

    package struct Column: Sendable {
        package let name: String
        package let type: ColumnType
    }

    package let name: String
    package let columns: [Column]
    /// One statement for any number of rows, which takes an array for each column.
    package let arrayStatement: String
    private let oneRow: String
    private let eightRows: String

    /// Eight at once save an eighth of the time on SQLite; more save nothing.
    private static let rowsMax = 8

    /// - Parameter suffix: What follows the rows, such as `ON CONFLICT …`; with `RETURNING` no row may come twice.
    package init(
        _ name: StaticString, _ columns: KeyValuePairs<StaticString, ColumnType>, suffix: StaticString = ""
    ) {
        self.init(
            named: String(describing: name),
            columns.map { Column(name: String(describing: $0.key), type: $0.value) }, suffix: suffix)
    }

    /// A table whose names the program has read from the database itself.
    init(named name: String, _ columns: [Column], suffix: StaticString = "") {
        self.name = name
        self.columns = columns
        let head = "INSERT INTO \(name) (\(columns.map(\.name).joined(separator: ", ")))"
        arrayStatement = "\(head) SELECT * FROM \(columns.unnested) \(suffix)"
        func values(rows: Int) -> String {
            let places = (0..<rows).map { row in
                "(" + (1...columns.count).map { "$\(row * columns.count + $0)" }.joined(separator: ", ") + ")"
            }
            return "\(head) VALUES \(places.joined(separator: ", ")) \(suffix)"
        }
        oneRow = values(rows: 1)
        eightRows = values(rows: Self.rowsMax)
    }

    /// Statements that write `values`, row after row, by lists of values.
    package func statements(for values: [SQLValue]) -> [SQL] {
        precondition(values.count.isMultiple(of: columns.count), "each row has a value for every column")
        var statements: [SQL] = []
        var start = 0
        while start < values.count {
            let isFull = values.count - start >= Self.rowsMax * columns.count
            let end = start + (isFull ? Self.rowsMax : 1) * columns.count
            statements.append(SQL(template: isFull ? eightRows : oneRow, Array(values[start..<end])))
            start = end
        }
        return statements
    }
}

/// An UPDATE of many rows, each with values of its own; made once.
///
/// ```swift
/// BulkUpdate("streams", ["key": .integer, "added": .integer], "SET version = streams.version + v.added WHERE streams.key = v.key")
/// ```
package struct BulkUpdate: Sendable {
    package let columns: [BulkTable.Column]
    /// One statement for any number of rows, which takes an array for each column.
    package let arrayStatement: String
    private let oneRow: String

    /// - Parameter text: What follows the table's name, with the values as `v.column`. No two rows may change the same one.
    package init(
        _ table: StaticString, _ columns: KeyValuePairs<StaticString, BulkTable.ColumnType>, _ text: StaticString
    ) {
        let columns = columns.map { BulkTable.Column(name: String(describing: $0.key), type: $0.value) }
        self.columns = columns
        let text = String(describing: text)
        guard let condition = text.firstRange(of: "WHERE") else { preconditionFailure("an UPDATE says which rows") }
        let names = columns.map(\.name).joined(separator: ", ")
        arrayStatement = """
            UPDATE \(table) \(text[..<condition.lowerBound])FROM \(columns.unnested) AS v (\(names)) \
            \(text[condition.lowerBound...])
            """
        oneRow = "UPDATE \(table) " + Self.numbered(text, columns)
    }

    /// One statement for each row.
    package func statements(for values: [SQLValue]) -> [SQL] {
        precondition(values.count.isMultiple(of: columns.count), "each row has a value for every column")
        return stride(from: 0, to: values.count, by: columns.count).map { start in
            SQL(template: oneRow, Array(values[start..<start + columns.count]))
        }
    }

    /// `text` with the number of its placeholder for each value.
    private static func numbered(_ text: String, _ columns: [BulkTable.Column]) -> String {
        var result = ""
        var rest = text[...]
        while let place = rest.firstRange(of: "v.") {
            let name = rest[place.upperBound...].prefix { $0.isLetter || $0.isNumber || $0 == "_" }
            guard let index = columns.firstIndex(where: { $0.name == name }) else {
                preconditionFailure("there is no column \(name)")
            }
            result += rest[..<place.lowerBound] + "$\(index + 1)"
            rest = rest[name.endIndex...]
        }
        return result + rest
    }
}

extension [BulkTable.Column] {
    /// The columns as one table of arrays, numbered in their order.
    fileprivate var unnested: String {
        "unnest(" + enumerated().map { "$\($0.offset + 1)::\($0.element.type.arrayName)" }.joined(separator: ", ") + ")"
    }
}

extension BulkTable.ColumnType {
    fileprivate var arrayName: String {
        switch self {
        case .integer: "bigint[]"
        case .double: "double precision[]"
        case .text: "text[]"
        case .bytes: "bytea[]"
        }
    }
}
