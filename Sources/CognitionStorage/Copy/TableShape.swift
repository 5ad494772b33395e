/// A table as a copy sees it: what it is called, what lies in it, and by which columns its rows are told apart.
struct TableShape: Sendable {
    struct Column: Sendable {
        let name: String
        let type: BulkTable.ColumnType
    }

    let name: String
    let columns: [Column]
    /// Places in ``columns``, in the order of the key.
    let key: [Int]
    /// Tables whose rows these refer to.
    let parents: [String]
    /// The last key that the engine has given, where it gives them.
    let lastIdentity: Int64?

    // MARK: Read from SQLite

    /// All tables of a SQLite database, those first that others refer to; without what the engine keeps for itself.
    static func all(in tx: borrowing Transaction) throws -> [TableShape] {
        let names = try tx.query(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name"
        ) { try $0[0] as String }
        return sorted(try names.map { try TableShape(named: $0, in: tx) })
    }

    private init(named name: String, in tx: borrowing Transaction) throws {
        let rows = try tx.query("SELECT name, type, pk FROM pragma_table_info(\(name)) ORDER BY cid") { row in
            (name: try row[0] as String, type: try row[1] as String, place: try row[2] as Int)
        }
        let columns = try rows.map { Column(name: $0.name, type: try Self.type($0.type, of: name)) }
        let key = rows.indices.filter { rows[$0].place > 0 }.sorted { rows[$0].place < rows[$1].place }
        guard !key.isEmpty else {
            throw StorageError(.storageUnsupported, "the table \(name) has no primary key to copy it by")
        }
        self.name = name
        self.columns = columns
        self.key = key
        parents = try tx.query("SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(\(name))") { try $0[0] }
        lastIdentity = try Self.lastIdentity(of: name, keys: key.map { columns[$0] }, in: tx)
    }

    private static func type(_ declared: String, of table: String) throws -> BulkTable.ColumnType {
        switch declared {
        case "INTEGER": return .integer
        case "REAL": return .double
        case "TEXT": return .text
        case "BLOB": return .bytes
        default: throw StorageError(.storageUnsupported, "the table \(table) has a column of type \(declared)")
        }
    }

    /// A key that was given once is not given again, also when its row is gone.
    private static func lastIdentity(
        of table: String, keys: [Column], in tx: borrowing Transaction
    ) throws -> Int64? {
        guard keys.count == 1, let key = keys.first, key.type == .integer else { return nil }
        let highest = try tx.first(SQL(template: "SELECT MAX(\(key.name)) FROM \(table)", [])) { try $0[0] as Int64? }
        let hasSequences = try tx.first("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'") {
            try $0[0] as Int
        }
        guard hasSequences != nil else { return highest ?? nil }
        let given = try tx.first("SELECT seq FROM sqlite_sequence WHERE name = \(table)") { try $0[0] as Int64 }
        return [highest ?? nil, given].compactMap(\.self).max()
    }

    /// Parents before their children; of a circle, which has no such order, the rest as it comes.
    private static func sorted(_ tables: [TableShape]) -> [TableShape] {
        var rest = tables
        var done: [TableShape] = []
        while !rest.isEmpty {
            let open = Set(rest.map(\.name))
            let place = rest.firstIndex { table in !table.parents.contains { $0 != table.name && open.contains($0) } }
            done.append(rest.remove(at: place ?? 0))
        }
        return done
    }
}

// MARK: - Statements

extension TableShape {
    /// A row, with a value for each column.
    typealias Values = [SQLValue]

    var bulkTable: BulkTable {
        BulkTable(named: name, columns.map { BulkTable.Column(name: $0.name, type: $0.type) })
    }

    /// Rows in the order of the key.
    /// - Parameter last: The last row that was read, or `nil` to begin.
    func page(after last: Values?, limit: Int, in tx: borrowing Transaction) throws -> [Values] {
        let list = columns.map(\.name).joined(separator: ", ")
        let keys = key.map { columns[$0].name }.joined(separator: ", ")
        var text = "SELECT \(list) FROM \(name)"
        var values: Values = []
        if let last {
            let places = key.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
            text += " WHERE (\(keys)) > (\(places))"
            values = key.map { last[$0] }
        }
        let types = columns.map(\.type)
        return try tx.query(SQL(template: text + " ORDER BY \(keys) LIMIT \(limit)", values)) { row in
            var read: Values = []
            read.reserveCapacity(types.count)
            for (place, type) in types.enumerated() { read.append(try Self.value(type, row, place)) }
            return read
        }
    }

    private static func value(_ type: BulkTable.ColumnType, _ row: borrowing Row, _ place: Int) throws -> SQLValue {
        switch type {
        case .integer: try (row[place] as Int64?).map(SQLValue.integer) ?? .null
        case .double: try (row[place] as Double?).map(SQLValue.double) ?? .null
        case .text: try (row[place] as String?).map(SQLValue.text) ?? .null
        case .bytes: try (row[place] as [UInt8]?).map(SQLValue.bytes) ?? .null
        }
    }
}
