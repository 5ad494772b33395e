import CognitionCore
package import CognitionStorage
import Testing

extension StorageConformance {
    package static func valuesRoundTrip(_ database: any Database) async throws {
        struct Sample: Sendable, Equatable {
            var number: Int64?
            var ratio: Double?
            var words: String?
            var data: [UInt8]?
        }
        let large = (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
        let samples = [
            Sample(),
            Sample(number: .min, ratio: -.greatestFiniteMagnitude, words: "", data: []),
            Sample(number: .max, ratio: .leastNonzeroMagnitude, words: "ä 😀 e\u{301} \u{10FFFF}", data: [0]),
            Sample(number: 0, ratio: -0.0, words: "two\nlines 'quoted' \"twice\" \\ % _ $1 ?", data: [0, 255, 0]),
            Sample(number: -1, ratio: .infinity, words: String(repeating: "long ", count: 50_000), data: large),
        ]
        try await database.write { tx in
            for sample in samples {
                try tx.execute(
                    """
                    INSERT INTO samples (number, ratio, words, data)
                    VALUES (\(sample.number), \(sample.ratio), \(sample.words), \(sample.data))
                    """)
            }
        }
        let stored = try await database.read { tx in
            try tx.query("SELECT number, ratio, words, data FROM samples ORDER BY id") { row in
                Sample(number: try row[0], ratio: try row[1], words: try row[2], data: try row[3])
            }
        }
        // SQLite forgets the sign of zero, which `==` does not look at either.
        #expect(stored == samples)
    }

    package static func coreTypesRoundTrip(_ database: any Database) async throws {
        enum Color: String, SQLEncodable, SQLDecodable { case red }
        let id = UUIDGenerator().next()
        let moment = Timestamp(microseconds: 1_795_232_460_000_001)
        try await database.write { tx in
            try tx.execute("INSERT INTO samples (number, words) VALUES (\(moment), \(id))")
            try tx.execute("INSERT INTO samples (number, words) VALUES (\(true), \(Color.red))")
        }
        try await database.read { tx in
            let first = try tx.first("SELECT number, words FROM samples WHERE number = \(moment)") { row in
                (try row[0] as Timestamp, try row[1] as UUIDv7)
            }
            #expect(first?.0 == moment)
            #expect(first?.1 == id)
            let second = try tx.first("SELECT number, words FROM samples WHERE number = \(true)") { row in
                (try row[0] as Bool, try row[1] as Color)
            }
            #expect(second?.0 == true)
            #expect(second?.1 == .red)
        }
    }

    package static func wrongTypesAreRefused(_ database: any Database) async throws {
        try await database.write { try $0.execute("INSERT INTO samples (number, words) VALUES (\(1), \("one"))") }
        let null = await code {
            _ = try await database.read { try $0.first("SELECT data FROM samples") { try $0[0] as Int } }
        }
        #expect(null == "storage.unexpected_value")
        let text = await code {
            _ = try await database.read { try $0.first("SELECT words FROM samples") { try $0[0] as Int } }
        }
        #expect(text == "storage.unexpected_value")
        let number = await code {
            _ = try await database.read { try $0.first("SELECT number FROM samples") { try $0[0] as String } }
        }
        #expect(number == "storage.unexpected_value")
    }

    /// What not every engine stores none does.
    package static func zerosInTextsAreRefused(_ database: any Database) async throws {
        let refused = await code {
            _ = try await database.write { try $0.execute("INSERT INTO samples (words) VALUES (\("a\0b"))") }
        }
        #expect(refused == "storage.text_invalid")
        let count = try await database.read { try $0.first("SELECT COUNT(*) FROM samples") { try $0[0] as Int } }
        #expect(count == 0)
    }

    package static func interpolationBinds(_ database: any Database) async throws {
        let hostile = "x'); DROP TABLE samples; -- $1 \" \\"
        try await database.write { tx in
            try tx.execute("INSERT INTO samples (words) VALUES (\(hostile))")
            try tx.execute("INSERT INTO samples (words) VALUES (\("x"))")
        }
        let found = try await database.read { tx in
            try tx.query("SELECT words FROM samples WHERE words = \(hostile)") { try $0[0] as String }
        }
        #expect(found == [hostile])
    }

    package static func partsAreRenumbered(_ database: any Database) async throws {
        try await database.write { tx in
            for number in 1...9 { try tx.execute("INSERT INTO samples (number, words) VALUES (\(number), '$1')") }
        }
        let range: SQL = "number BETWEEN \(4) AND \(7) AND words = '$1'"
        let either: SQL = "(\(range) OR number = \(9))"
        let numbers = try await database.read { tx in
            try tx.query(
                "SELECT number FROM samples WHERE number <> \(5) AND \(either) AND number <> \(6) ORDER BY number"
            ) {
                try $0[0] as Int
            }
        }
        #expect(numbers == [4, 7, 9])
    }

    package static func listsMayBeEmpty(_ database: any Database) async throws {
        try await database.write { tx in
            for number in 1...9 { try tx.execute("INSERT INTO samples (number) VALUES (\(number))") }
        }
        let (none, two) = try await database.read { tx in
            (
                try tx.query("SELECT number FROM samples WHERE number IN \(list: [Int]())") { try $0[0] as Int },
                try tx.query("SELECT number FROM samples WHERE number IN \(list: [3, 5, 77]) ORDER BY 1") {
                    try $0[0] as Int
                }
            )
        }
        #expect(none.isEmpty)
        #expect(two == [3, 5])
    }

    package static func changesAreCounted(_ database: any Database) async throws {
        let counts = try await database.write { tx in
            [
                try tx.execute("INSERT INTO samples (number) VALUES (\(1)), (\(2)), (\(3))"),
                try tx.execute("UPDATE samples SET number = number + 10 WHERE number >= \(2)"),
                try tx.execute("CREATE TABLE others (id \(fragment: .identity)) \(fragment: .strict)"),
                try tx.execute("UPDATE samples SET number = 0 WHERE number = \(99)"),
                try tx.execute("SELECT number FROM samples"),
                try tx.execute("DELETE FROM samples"),
            ]
        }
        #expect(counts == [3, 2, 0, 0, 0, 3])
    }

    package static func returningCompletes(_ database: any Database) async throws {
        try await database.write { tx in
            for number in 1...3 { try tx.execute("INSERT INTO samples (number) VALUES (\(number))") }
            let first = try tx.first("UPDATE samples SET number = number + 10 RETURNING number") { try $0[0] as Int }
            #expect(first.map { (11...13).contains($0) } == true)
            #expect(try tx.query("SELECT number FROM samples ORDER BY 1") { try $0[0] as Int } == [11, 12, 13])
        }
    }

    /// A statement may run again while its rows are read.
    package static func statementsNest(_ database: any Database) async throws {
        try await database.write { tx in
            for number in 1...3 { try tx.execute("INSERT INTO samples (number) VALUES (\(number))") }
        }
        let statement: SQL = "SELECT number FROM samples ORDER BY number"
        let sums = try await database.read { tx in
            try tx.query(statement) { row in
                let outer: Int = try row[0]
                return try tx.query(statement) { try $0[0] as Int }.reduce(outer, +)
            }
        }
        #expect(sums == [7, 8, 9])
    }

    package static func faultsAreNamed(_ database: any Database) async throws {
        try await database.write { try insert(1, in: $0) }
        let taken = await code { try await database.write { try insert(1, in: $0) } }
        #expect(taken == "storage.constraint")
        let nonsense = await code { _ = try await database.write { try $0.execute("SELECT FROM WHERE") } }
        #expect(nonsense == "storage.statement")
        let tooFew = await code { _ = try await database.write { try $0.execute(SQL("SELECT $1, $2", [.integer(1)])) } }
        #expect(tooFew == "storage.statement")
        do {
            try await database.write { try insert(1, in: $0) }
        } catch let error as StorageError {
            #expect(!error.message.contains("INSERT"), "people see no SQL")
            #expect(error.cause != nil)
        }
    }
}
