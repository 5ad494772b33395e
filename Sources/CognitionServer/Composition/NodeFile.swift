import CognitionCore

/// Which node of a shared database the process was that held this data folder last.
///
/// Whoever holds the folder's lock now knows that it is gone, and need not wait until its lease runs out.
enum NodeFile {
    /// Writes `node` into the folder's file.
    /// - Returns: Who stood there.
    static func exchange(for node: UUIDv7, in folder: String) throws -> UUIDv7? {
        let last = try last(in: folder)
        try PrivateFile.write("\(node)\n", to: folder + "/node")
        return last
    }

    static func last(in folder: String) throws -> UUIDv7? {
        try PrivateFile.read(folder + "/node")?.split(separator: "\n").first.flatMap { UUIDv7(String($0)) }
    }
}
