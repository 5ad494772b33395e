import CSpawn
import CognitionCore
import Foundation

/// File descriptors that are closed when they are no longer referred to.
final class OwnedDescriptor: Sendable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }
}

/// The two ends of a pipe, neither inherited by other programs.
struct Pipe {
    let reading: OwnedDescriptor
    let writing: OwnedDescriptor

    init() throws(SandboxError) {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw .system("a pipe") }
        reading = OwnedDescriptor(ends[0])
        writing = OwnedDescriptor(ends[1])
    }
}

/// A connection of which each end is read and written.
struct Connection {
    let ours: OwnedDescriptor
    let theirs: OwnedDescriptor

    init() throws(SandboxError) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(O_CLOEXEC), 0, &ends) == 0 else {
            throw .system("a connection")
        }
        ours = OwnedDescriptor(ends[0])
        theirs = OwnedDescriptor(ends[1])
    }
}

extension OwnedDescriptor {
    /// A file in memory, to be read from its start.
    static func file(_ content: [UInt8]) throws(SandboxError) -> OwnedDescriptor {
        let number = memfd_create("sandbox", UInt32(memfd_close_on_exec))
        guard number >= 0 else { throw .system("a file in memory") }
        let file = OwnedDescriptor(number)
        var written = 0
        while written < content.count {
            let count = content[written...].withUnsafeBytes { write(number, $0.baseAddress, $0.count) }
            guard count > 0 else { throw .system("a file in memory") }
            written += count
        }
        lseek(number, 0, SEEK_SET)
        return file
    }

    static func null() throws(SandboxError) -> OwnedDescriptor {
        let number = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard number >= 0 else { throw .system("/dev/null") }
        return OwnedDescriptor(number)
    }

    /// The same file under a number of at least 64, out of the way of those that a program starts with.
    func raised() throws(SandboxError) -> OwnedDescriptor {
        let raised = fcntl(number, F_DUPFD_CLOEXEC, 64)
        guard raised >= 0 else { throw .system("a descriptor") }
        return OwnedDescriptor(raised)
    }

    /// Reads and writes give up instead of waiting.
    func makeNonblocking() { _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK) }
}

extension SandboxError {
    /// The system has refused something; `errno` says why.
    static func system(_ what: String) -> SandboxError {
        SandboxError(
            SandboxError.overloaded, "The system gives no \(what) to a program: \(String(cString: strerror(errno))).")
    }
}
