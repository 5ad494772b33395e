import ArgumentParser
import CognitionCore
import CognitionRealtime
import CognitionSQLite
import CognitionStorage
import Foundation

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copies the database into a file, while work goes on.")

    @Argument(help: "The file to write; it must not exist.", completion: .file()) var file: String

    func run() async throws {
        try await reporting {
            try await Node.withNode(ServerConfiguration(), .any) { node in
                try await node.database.backup(to: file)
                Terminal.write("the database is copied to \(file); keys are not part of it")
            }
        }
    }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Puts a backup in the place of the database.",
        discussion: "The database that was there is kept beside it, with a name that ends in .replaced.")

    @Argument(help: "The backup.", completion: .file()) var file: String

    func run() async throws {
        try await reporting {
            let configuration = try ServerConfiguration()
            let path = try configuration.database.path(for: "restored")
            guard let directory = try DataDirectory.lock(configuration.dataDirectory) else {
                throw CommandFailure(
                    "the data folder is in use by process \(DataDirectory.owner(of: configuration.dataDirectory))")
            }
            defer { withExtendedLifetime(directory) {} }  // the lock is held to the end
            ServerFiles.removeStale(from: directory)
            let kept = try await keep(path)
            try SQLiteDatabase.restore(from: file, to: path)
            try await forgetEpoch(path)
            // Indexes were made of the documents that were; they are made anew of those that are there now.
            try? FileManager.default.removeItem(atPath: configuration.dataDirectory + "/search")
            Terminal.write("\(path) is restored from \(file)" + (kept.map { "; what was there is in \($0)" } ?? ""))
        }
    }

    /// The offsets that clients have seen belong to the log that was, not to the one that is there now.
    private func forgetEpoch(_ path: String) async throws {
        let database = try await SQLiteDatabase.open(at: path)
        do {
            let pending = try await database.pendingMigrations(Node.migrations)
            if !EpochStore.migrations.contains(where: { pending.contains($0.name) }) {
                try await database.write { try EpochStore.forget(in: $0) }
            }
        } catch {
            await database.close()
            throw error
        }
        await database.close()
    }

    /// Copies the database that is there: as one file when it is sound, else the files as they lie.
    /// - Returns: The copy; `nil` when there is no database.
    private func keep(_ path: String) async throws -> String? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let copy = "\(path).\(SystemWallClock().now.microseconds).replaced"
        do {
            let old = try await SQLiteDatabase.open(at: path)
            do {
                try await old.backup(to: copy)
            } catch {
                await old.close()
                throw error
            }
            await old.close()
        } catch let error as StorageError where error.code == .storageCorrupt {
            for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: path + suffix) {
                try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
            }
        }
        return copy
    }
}
