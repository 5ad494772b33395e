import CognitionSQLite
import CognitionStorage
import CognitionTestSupport
import Foundation
import GRDBSQLite
import Metrics
import MetricsTestKit
import Testing

/// What a failing or full disk does: requests fail as transient or succeed, nothing is written by halves, and work goes on
/// once the disk does.
@Suite(.serialized) struct SQLiteFaultTests {
    init() { FaultyDisk.install() }

    private func withFaultyDisk(_ body: (SQLiteDatabase, _ path: String) async throws -> Void) async throws {
        try await withTemporaryDirectory { folder in
            let path = folder + "/faulty.sqlite"
            var options = SQLiteOptions()
            options.readers = 1
            let database = try await opened(path, options)
            do {
                try await body(database, path)
                FaultyDisk.fail(nil)
                await database.close()
            } catch {
                FaultyDisk.fail(nil)
                await database.close()
                throw error
            }
        }
    }

    /// Asks for `count` writes that share rounds.
    /// - Returns: The items that were acknowledged; every other one failed as transient.
    private func write(
        _ items: Range<Int>, to database: SQLiteDatabase, bytes: Int = 2_000, whenGathered: () -> Void = {}
    ) async throws -> [Int] {
        var requests: [Task<Void, any Error>] = []
        let data = [UInt8](repeating: 7, count: bytes)
        try await database.holdingWriter {
            for item in items {
                requests.append(
                    database.startWrite { tx in
                        try tx.execute("INSERT INTO items (item, data) VALUES (\(item), \(data))")
                        try tx.execute("UPDATE totals SET count = count + 1")
                    })
            }
            whenGathered()
        }
        var acknowledged: [Int] = []
        for (item, request) in zip(items, requests) {
            do {
                try await request.value
                acknowledged.append(item)
            } catch let error as StorageError {
                #expect(error.isTransient, "\(error) \(String(describing: error.cause))")
            }
        }
        return acknowledged
    }

    private func check(_ database: SQLiteDatabase, holds expected: [Int]) async throws {
        #expect(try await items(database) == expected)
        let total = try await database.read { try $0.first("SELECT count FROM totals") { try $0[0] as Int } }
        #expect(total == expected.count, "the two statements of a request stand or fall together")
        #expect(try await isSound(database))
    }

    @Test(arguments: [FaultyDisk.Operation.write, .sync])
    func failingDiskFailsRequests(operation: FaultyDisk.Operation) async throws {
        try await withFaultyDisk { database, path in
            #expect(try await write(0..<10, to: database).count == 10)
            let during = try await write(10..<40, to: database) { FaultyDisk.fail(.init(operation: operation)) }
            #expect(during.isEmpty)
            FaultyDisk.fail(nil)
            let after = try await write(40..<60, to: database)
            #expect(after.count == 20)
            try await check(database, holds: Array(0..<10) + after)
            await database.close()
            let reopened = try await SQLiteDatabase.open(at: path)
            try await check(reopened, holds: Array(0..<10) + after)
            await reopened.close()
        }
    }

    /// Each write of a round, or its one sync, fails once in turn; the requests are then repeated one by one.
    @Test(arguments: [FaultyDisk.Operation.write, .sync])
    func singleFailureLosesNothing(operation: FaultyDisk.Operation) async throws {
        try await withFaultyDisk { database, path in
            var expected: [Int] = []
            var failures = 0
            for skip in 0..<40 {
                let first = skip * 10
                expected += try await write(first..<(first + 8), to: database) {
                    FaultyDisk.fail(.init(operation: operation, skip: operation == .sync ? 0 : skip % 20, count: 1))
                }
                if FaultyDisk.isExhausted { failures += 1 }
                FaultyDisk.fail(nil)
                #expect(try await items(database) == expected)
            }
            #expect(failures > 5, "operations failed, or this test shows nothing")
            try await check(database, holds: expected)
            await database.close()
            let reopened = try await SQLiteDatabase.open(at: path)
            try await check(reopened, holds: expected)
            await reopened.close()
        }
    }

    @Test func lostRoundsAreCounted() async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            try await withFaultyDisk { database, _ in
                let lost = try await write(0..<8, to: database) {
                    FaultyDisk.fail(.init(operation: .sync, skip: 0, count: 1))
                }
                #expect(FaultyDisk.isExhausted && !lost.isEmpty)
                // The round, not each of its requests: they were repeated, and nobody saw the failure.
                #expect(metrics.counterTotal(label: "database.errors") == Int64(1 + 8 - lost.count))
                #expect(metrics.counterTotal(label: "database.errors", dimensions: [("code", "storage.io_failed")]) > 0)
            }
        }
    }

    @Test func failingReadsAreReported() async throws {
        try await withFaultyDisk { database, _ in
            // The reader has to know the tables: SQLite says that there are none when it cannot read which there are.
            #expect(try await items(database).isEmpty)
            let written = try await write(0..<10, to: database)
            FaultyDisk.fail(.init(operation: .read))
            let failure = await #expect(throws: StorageError.self) { _ = try await items(database) }
            #expect(failure?.code == .storageIO, "\(String(describing: failure?.cause))")
            FaultyDisk.fail(nil)
            try await check(database, holds: written)
        }
    }

    @Test func fullDiskFailsRequests() async throws {
        try await withFaultyDisk { database, _ in
            #expect(try await write(0..<10, to: database).count == 10)
            let during = try await write(10..<40, to: database) {
                FaultyDisk.fail(.init(operation: .write, code: SQLITE_FULL))
            }
            #expect(during.isEmpty)
            FaultyDisk.fail(nil)
            let after = try await write(40..<60, to: database)
            try await check(database, holds: Array(0..<10) + after)
        }
    }

    /// Some requests of a round fit and some do not: those that do are written.
    @Test func boundedFileTakesWhatFits() async throws {
        var options = SQLiteOptions()
        options.pagesMax = 200
        try await withSQLite(options) { database, _ in
            let fitting = try await write(0..<64, to: database, bytes: 20_000)
            #expect(!fitting.isEmpty)
            #expect(fitting.count < 64)
            try await check(database, holds: fitting)
            try await database.write { tx in
                try tx.execute("DELETE FROM items")
                try tx.execute("UPDATE totals SET count = 0")
            }
            let after = try await write(100..<110, to: database, bytes: 20_000)
            #expect(after.count == 10)
            try await check(database, holds: after)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only the superuser can mount a small file system"))
    func fullFileSystemFailsRequests() async throws {
        try await withTemporaryDirectory { folder in
            guard try run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder) else {
                withKnownIssue("this machine lets nobody mount") { Issue.record("mount failed") }
                return
            }
            defer { _ = try? run("umount", folder) }
            let database = try await opened(folder + "/test.sqlite")
            let ballast = folder + "/ballast"
            try Data(count: 2 << 20).write(to: URL(fileURLWithPath: ballast))
            let fitting = try await write(0..<200, to: database, bytes: 20_000)
            #expect(fitting.count < 200)
            try await check(database, holds: fitting)
            try FileManager.default.removeItem(atPath: ballast)
            let after = try await write(1_000..<1_010, to: database, bytes: 20_000)
            #expect(after.count == 10)
            try await check(database, holds: fitting + after)
            await database.close()
            let reopened = try await SQLiteDatabase.open(at: folder + "/test.sqlite")
            try await check(reopened, holds: fitting + after)
            await reopened.close()
        }
    }

    private func run(_ command: String...) throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
