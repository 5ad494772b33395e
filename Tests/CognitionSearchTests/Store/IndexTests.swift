import CognitionCore
import CognitionEvents
import CognitionSearch
import CognitionStorage
import CognitionTestSupport
import Foundation
import OrderedCollections
import Testing

@Suite struct IndexTests {
    private static let wider = SearchHarness.settings(("text", SearchField(.text)), ("tag", SearchField(.keyword)))

    @Test(
        "Settings are changed, counted and rolled back; the same again are no change", arguments: TestDatabase.engines)
    func settings(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, _ in
            let search = harness.search
            let made = try await search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            #expect(made.isNew && made.view.index.settingsVersion == 1)
            let same = try await search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            #expect(!same.isNew && same.view.index.settingsVersion == 1)
            let changed = try await search.setIndex("notes", to: Self.wider, as: .localOperator)
            #expect(changed.view.index.settingsVersion == 2 && changed.view.settings.fields.count == 2)
            let back = try await search.rollBack("notes", toVersion: 1, as: .localOperator)
            #expect(back.index.settingsVersion == 3 && back.settings == SearchHarness.text)
            let history = try await search.settingsHistory(of: "notes", as: .localOperator)
            #expect(history.map(\.version) == [3, 2, 1])
            let error = await #expect(throws: SearchError.self) {
                try await search.rollBack("notes", toVersion: 9, as: .localOperator)
            }
            #expect(error?.code == .searchVersionNotFound)
            let events = try await EventLog(harness.database).readStream(
                StreamName("search_index", "notes"), workspace: .default
            ).events
            #expect(events.map(\.type) == ["search_index.created", "search_index.changed", "search_index.changed"])
        }
    }

    @Test("While an index is made anew the one before answers, and then the new one", arguments: TestDatabase.engines)
    func rebuildWhileServing(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, folder in
            _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            try await harness.running {
                var sequence: Int64 = 0
                for batch in 0..<10 {
                    sequence = try await harness.put((0..<500).map { ("\(batch)-\($0)", "common word\(batch)") })
                }
                #expect(try await harness.find("word3", reaching: sequence).count == 500)
                _ = try await harness.search.setIndex("notes", to: Self.wider, as: .localOperator)
                // At no moment less is found than there is, and what is written meanwhile is found as well.
                for number in 0..<40 {
                    let written = try await harness.put([("late-\(number)", "late")])
                    #expect(try await harness.find("late", reaching: written).count == number + 1)
                    #expect(try await harness.find("word7").count == 500)
                }
                try await harness.until {
                    try await !harness.search.index("notes", as: .localOperator).isRebuilding
                }
                let folders = try FileManager.default.contentsOfDirectory(atPath: folder + "/default/notes")
                #expect(folders.count == 1)
                let verdict = try await harness.search.verify("notes", as: .localOperator)
                #expect(verdict.isEqual && verdict.documents == 5_040, "\(verdict)")
                try await harness.search.rebuild("notes", as: .localOperator)
                #expect(try await harness.find("late").count == 40)
            }
        }
    }

    @Test(
        "What is left of a making that was broken off is gone on with, or thrown away",
        arguments: [TestDatabase.Engine.sqliteFile])
    func brokenOff(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, folder in
            _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            let sequence = try await harness.put((0..<100).map { ("\($0)", "word") })
            #expect(try await harness.find("word", reaching: sequence).count == 100)
            await harness.search.close()
            let path = folder + "/default/notes"
            let names = try FileManager.default.contentsOfDirectory(atPath: path)
            #expect(names == ["1-1"])
            let files = FileManager.default
            try files.createDirectory(atPath: path + "/1-7", withIntermediateDirectories: true)
            try files.createDirectory(atPath: path + "/99-1/index", withIntermediateDirectories: true)
            try Data("{".utf8).write(to: URL(fileURLWithPath: path + "/1-7/build.json"))

            let next = SearchHarness(harness.database, folder: folder)
            #expect(try await next.find("word").count == 100)
            #expect(try files.contentsOfDirectory(atPath: path) == ["1-1"])
            await next.search.close()

            // Damaged beyond opening: made anew without a word.
            for name in try files.subpathsOfDirectory(atPath: path + "/1-1/index") {
                var isFolder: ObjCBool = false
                _ = files.fileExists(atPath: path + "/1-1/index/" + name, isDirectory: &isFolder)
                if !isFolder.boolValue {
                    try Data("broken".utf8).write(to: URL(fileURLWithPath: path + "/1-1/index/" + name))
                }
            }
            let last = SearchHarness(harness.database, folder: folder)
            #expect(try await last.find("word").count == 100)
            #expect(try await last.search.verify("notes", as: .localOperator).isEqual)
            await last.search.close()
        }
    }

    @Test("A deleted index is gone at once, also when another of its name follows", arguments: TestDatabase.engines)
    func deletion(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, _ in
            _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            let sequence = try await harness.put((0..<100).map { ("\($0)", "word") })
            #expect(try await harness.find("word", reaching: sequence).count == 100)
            try await harness.search.deleteIndex("notes", as: .localOperator)
            let error = await #expect(throws: SearchError.self) { try await harness.find("word") }
            #expect(error?.code == .searchIndexNotFound)
            _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            #expect(try await harness.find("word") == [])
            let written = try await harness.put([("new", "word")])
            #expect(try await harness.find("word", reaching: written) == ["new"])
            try await harness.search.purge()
            #expect(try await harness.count("SELECT COUNT(*) FROM search_documents") == 1)
            #expect(try await harness.count("SELECT COUNT(*) FROM search_removals") == 0)
        }
    }

    @Test("Two nodes on one database have a copy each, and agree")
    func twoNodes() async throws {
        try await withTemporaryDirectory { folder in
            try await withTestNodes(2, migrations: SearchHarness.migrations) { databases in
                let nodes = databases.enumerated().map { place, database in
                    SearchHarness(database, folder: "\(folder)/\(place)")
                }
                _ = try await nodes[0].search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
                try await nodes[0].running {
                    try await nodes[1].running {
                        for number in 0..<60 {
                            let writer = nodes[number % 2]
                            let sequence = try await writer.put([("\(number)", "word")])
                            for node in nodes {
                                #expect(try await node.find("word", reaching: sequence).count == number + 1)
                            }
                        }
                        try await nodes[1].search.deleteIndex("notes", as: .localOperator)
                        _ = try await nodes[1].search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
                        let written = try await nodes[1].put([("again", "word")])
                        try await nodes[0].until { try await nodes[0].find("word", reaching: written) == ["again"] }
                        try await nodes[1].search.deleteIndex("notes", as: .localOperator)
                        try await nodes[0].until {
                            do {
                                _ = try await nodes[0].find("word")
                                return false
                            } catch let error as SearchError { return error.code == .searchIndexNotFound }
                        }
                    }
                }
            }
        }
    }

    @Test(
        "A database that was replaced by an older one is followed, and not what was read of the other",
        arguments: TestDatabase.engines)
    func olderDatabase(on engine: TestDatabase.Engine) async throws {
        try await SearchHarness.with(engine) { harness, folder in
            _ = try await harness.search.setIndex("notes", to: SearchHarness.text, as: .localOperator)
            let sequence = try await harness.put([("a", "apples"), ("b", "apples"), ("c", "apples")])
            #expect(try await harness.find("apples", reaching: sequence).count == 3)
            await harness.search.close()
            try await harness.database.write { tx in
                try tx.execute("DELETE FROM search_documents WHERE sequence > 1")
                try tx.execute("UPDATE search_sequences SET sequence = 1")
            }
            let next = SearchHarness(harness.database, folder: folder)
            try await next.until { try await next.find("apples") == ["a"] }
            let written = try await next.put([("d", "apples")])
            try await next.until { try await next.find("apples", reaching: written) == ["a", "d"] }
            #expect(try await next.search.verify("notes", as: .localOperator).isEqual)
            await next.search.close()
        }
    }

    @Test("What a deleted index has left on the disk of a node that had it not open is removed")
    func sweep() async throws {
        try await SearchHarness.with(.sqliteFile) { harness, folder in
            let files = FileManager.default
            for name in ["kept", "notes"] {
                _ = try await harness.search.setIndex(name, to: SearchHarness.text, as: .localOperator)
                let sequence = try await harness.put([("a", "word")], into: name)
                #expect(try await harness.find("word", in: name, reaching: sequence) == ["a"])
            }
            await harness.search.close()
            let other = SearchHarness(harness.database, folder: folder + "/other")
            try await other.search.deleteIndex("notes", as: .localOperator)
            await other.search.close()
            #expect(try files.contentsOfDirectory(atPath: folder + "/default/notes").count == 1)
            let next = SearchHarness(harness.database, folder: folder)
            try await next.running {
                try await next.until { try files.contentsOfDirectory(atPath: folder + "/default/notes").isEmpty }
            }
            #expect(try files.contentsOfDirectory(atPath: folder + "/default/kept").count == 1)
        }
    }

    @Test("Copies that nobody uses are closed, and opened again when somebody does")
    func tidying() async throws {
        try await SearchHarness.with(.sqliteMemory, configure: { $0.openMax = 2 }) { harness, _ in
            for number in 0..<5 {
                _ = try await harness.search.setIndex("n\(number)", to: SearchHarness.text, as: .localOperator)
                let sequence = try await harness.put([("a", "word")], into: "n\(number)")
                #expect(try await harness.find("word", in: "n\(number)", reaching: sequence) == ["a"])
            }
            await harness.search.copies.tidy()
            #expect(harness.search.copies.openCount == 2)
            for number in 0..<5 {
                #expect(try await harness.find("word", in: "n\(number)") == ["a"])
            }
        }
    }

    @Test("A workspace has so many indexes and no more")
    func bounds() async throws {
        try await SearchHarness.with(.sqliteMemory, configure: { $0.indexesMax = 2 }) { harness, _ in
            for name in ["a", "b"] {
                _ = try await harness.search.setIndex(name, to: SearchHarness.text, as: .localOperator)
            }
            let error = await #expect(throws: SearchError.self) {
                try await harness.search.setIndex("c", to: SearchHarness.text, as: .localOperator)
            }
            #expect(error?.code == .searchIndexesTooMany)
            for name in ["_users", "_mine", "A", "", "a/b"] {
                let error = await #expect(throws: SearchError.self) {
                    try await harness.search.setIndex(name, to: SearchHarness.text, as: .localOperator)
                }
                #expect(error?.code == .searchIndexReserved)
            }
            #expect(
                try await harness.search.indexes(after: "", limit: 1, as: .localOperator).map(\.index.address.name) == [
                    "a"
                ])
        }
    }
}
