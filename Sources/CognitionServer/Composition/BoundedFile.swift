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

/// The lines of an open file, each up to a bound.
struct BoundedLines {
    private let descriptor: Int32
    private let bytesMax: Int
    private var buffer: [UInt8] = []
    private var rest: ArraySlice<UInt8> = []
    private var hasEnded = false

    init(descriptor: Int32, bytesMax: Int) {
        self.descriptor = descriptor
        self.bytesMax = bytesMax
    }

    /// - Returns: `nil` at the end; `.some(nil)` for a line that is longer than the bound, which is passed over.
    /// - Throws: `CommandFailure` when the file cannot be read.
    mutating func next() throws -> [UInt8]?? {
        var line: [UInt8] = []
        var isTooLong = false
        while true {
            let part = rest.prefix(Self.lengthOfLine(in: rest))
            isTooLong = isTooLong || line.count + part.count > bytesMax
            if isTooLong { line = [] } else { line += part }
            if part.count < rest.count {
                rest = rest.dropFirst(part.count + 1)
                return .some(isTooLong ? nil : line)
            }
            try fill()
            if hasEnded { return isTooLong ? .some(nil) : line.isEmpty ? nil : .some(line) }
        }
    }

    /// Bytes before the first line feed, or all.
    private static func lengthOfLine(in bytes: ArraySlice<UInt8>) -> Int {
        bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress, let end = memchr(start, Int32(UInt8(ascii: "\n")), bytes.count)
            else { return bytes.count }
            return UnsafeRawPointer(end) - start
        }
    }

    private mutating func fill() throws {
        if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: 1 << 16) }
        rest = []
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw CommandFailure("standard input: \(String(cString: strerror(errno)))") }
            hasEnded = count == 0
            rest = buffer[..<count]
            return
        }
    }
}
