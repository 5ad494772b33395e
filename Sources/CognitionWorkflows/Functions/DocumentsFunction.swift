import CognitionCore
import CognitionDocuments
import Foundation

/// `call: documents`: the text files below a folder, as `[{path, name, bytes, text}]` sorted by path.
///
/// Reads only below the folders it was given, symbolic links resolved. Bytes that are no UTF-8 become U+FFFD.
package struct DocumentsFunction: TaskFunction {
    /// Files in one answer, and bytes of text in all of them.
    package static let filesMax = 10_000
    package static let bytesMax = 64 << 20

    package let name = "documents"
    package let signature: FunctionSignature
    private let roots: [String]
    private let workingFolder: String

    /// - Parameters:
    ///   - roots: Folders that may be read.
    ///   - workingFolder: Where relative paths start; it may be read only if a root says so.
    package init(roots: [String], workingFolder: String) throws {
        self.workingFolder = workingFolder
        self.roots = try roots.map { try Self.resolve($0) }
        self.signature = try FunctionSignature(
            effect: .idempotent,
            arguments: [
                "type": "object",
                "required": ["path"],
                "properties": [
                    "path": ["type": "string", "minLength": 1],
                    "glob": ["type": "string", "minLength": 1],
                    "max_bytes": ["type": "integer", "minimum": 1],
                ],
            ])
    }

    package func call(_ invocation: TaskInvocation) async throws -> TaskOutcome {
        let arguments = invocation.arguments
        guard let path = arguments["path"]?.stringValue, !path.isEmpty else {
            throw WorkflowFault(.validation, "documents: path is a string that names a folder or file")
        }
        guard arguments["glob"].map({ $0.stringValue != nil }) ?? true,
            arguments["max_bytes"].map({ ($0.integerValue ?? 0) > 0 }) ?? true
        else { throw WorkflowFault(.validation, "documents: glob is a string and max_bytes a positive number") }
        let pattern = try GlobPattern(arguments["glob"]?.stringValue ?? "**/*.{md,markdown,txt}")
        let bytesMax = Int(arguments["max_bytes"]?.integerValue ?? 1 << 20)
        return TaskOutcome(output: try await read(path, matching: pattern, bytesMax: bytesMax))
    }

    @concurrent
    private func read(_ path: String, matching pattern: GlobPattern, bytesMax: Int) async throws -> JSONValue {
        let folder = try allowed(path)
        var documents: [JSONValue] = []
        var bytesLeft = Self.bytesMax
        for relative in try files(below: folder, matching: pattern) {
            try Task.checkCancellation()
            let full = relative.isEmpty ? folder : folder + "/" + relative
            guard let file = FileHandle(forReadingAtPath: try allowed(full)) else {
                throw WorkflowFault(.runtime, "documents: \(relative) cannot be read", status: 403)
            }
            defer { try? file.close() }  // nothing was written; there is nothing to lose
            let size = Int(try file.seekToEnd())
            try file.seek(toOffset: 0)
            let data = try file.read(upToCount: min(size, bytesMax)) ?? Data()
            bytesLeft -= data.count
            guard bytesLeft >= 0 else {
                throw WorkflowFault(.runtime, "documents: more than \(Self.bytesMax) bytes of text", status: 413)
            }
            let shown =
                relative.isEmpty
                ? String(folder[(folder.lastIndex(of: "/").map(folder.index(after:)) ?? folder.startIndex)...])
                : relative
            documents.append([
                "path": .string(shown),
                "name": .string(String(shown.split(separator: "/").last ?? Substring(shown))),
                "bytes": .integer(Int64(size)),
                "text": .string(Self.text(of: data, isCut: size > data.count)),
            ])
        }
        return .array(documents)
    }

    /// Paths of the files that match, relative to `folder`, in the order of their bytes; "" for a path that is a file.
    private func files(below folder: String, matching pattern: GlobPattern) throws -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder) else {
            throw WorkflowFault(.runtime, "documents: there is nothing at \(folder)", status: 404)
        }
        guard isFolder.boolValue else {
            guard Self.isRegularFile(folder) else {
                throw WorkflowFault(.runtime, "documents: \(folder) is neither a folder nor a file", status: 403)
            }
            return [""]
        }
        var found: [String] = []
        for case let path as String in FileManager.default.enumerator(atPath: folder) ?? .init() {
            guard !path.split(separator: "/").contains(where: { $0.hasPrefix(".") }), pattern.matches(path),
                Self.isRegularFile(folder + "/" + path)
            else { continue }
            found.append(path)
            guard found.count <= Self.filesMax else {
                throw WorkflowFault(.runtime, "documents: more than \(Self.filesMax) files", status: 413)
            }
        }
        return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The real path, if it lies below one of the roots.
    private func allowed(_ path: String) throws -> String {
        guard !roots.isEmpty else {
            throw WorkflowFault(.configuration, "documents: no folder may be read; WORKFLOWS_FILE_ROOTS names them")
        }
        let real = try Self.resolve(path.hasPrefix("/") ? path : workingFolder + "/" + path)
        guard roots.contains(where: { real == $0 || real.hasPrefix($0 == "/" ? $0 : $0 + "/") }) else {
            throw WorkflowFault(.authorization, "documents: \(path) is not below a folder that may be read")
        }
        return real
    }

    /// Pipes and devices could keep the reader waiting for ever.
    private static func isRegularFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private static func resolve(_ path: String) throws -> String {
        guard let real = realpath(path, nil) else {
            throw WorkflowFault(.runtime, "documents: there is nothing at \(path)", status: 404)
        }
        defer { free(real) }
        return String(cString: real)
    }

    /// Text of the bytes; a character that the limit has cut in two is left out.
    private static func text(of data: Data, isCut: Bool) -> String {
        var bytes = data[...]
        if isCut, let start = bytes.suffix(4).lastIndex(where: { $0 & 0xC0 != 0x80 }) {
            let length =
                switch bytes[start] {
                case 0xC0..<0xE0: 2;
                case 0xE0..<0xF0: 3;
                case 0xF0...: 4;
                default: 1
                }
            if bytes.endIndex - start < length { bytes = bytes[..<start] }
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
