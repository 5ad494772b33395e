import Foundation

/// Files that the user names, read as a whole up to a bound, so that none of them can take the memory.
enum BoundedFile {
    /// Bytes of a workflow's document, as its reader takes.
    static let documentBytesMax = 8 << 20
    /// Bytes of a JSON value: the input of an execution or an expression.
    static let valueBytesMax = 32 << 20
    /// Bytes of the configuration file.
    static let configurationBytesMax = 1 << 20

    /// - Parameter path: `-` is standard input.
    /// - Throws: `CommandFailure` for a file that cannot be read, or is larger than `bytesMax`; no more than that is read.
    static func bytes(of path: String, max bytesMax: Int) throws -> [UInt8] {
        let isStandardInput = path == "-"
        let descriptor = isStandardInput ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { if !isStandardInput { close(descriptor) } }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path) }
            if count == 0 { return bytes }
            guard bytes.count + count <= bytesMax else {
                throw CommandFailure(
                    "\(name(of: path)) is larger than \(bytesMax >> 20) MiB, the most that is read here")
            }
            bytes += buffer[..<count]
        }
    }

    private static func failure(_ path: String) -> CommandFailure {
        CommandFailure("\(name(of: path)) cannot be read: \(String(cString: strerror(errno)))")
    }

    private static func name(of path: String) -> String { path == "-" ? "standard input" : path }
}
