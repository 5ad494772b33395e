import CognitionCore
import Synchronization

#if canImport(Glibc)
    import Glibc
    // Depending on what else is imported, the compiler takes this module for the one that defines `pollfd` and `stat`.
    import SwiftOverlayShims
#else
    import Darwin
#endif

/// Writes whole lines to a file descriptor, one at a time.
///
/// A line is one `write(2)`, so lines of several processes do not mix as far as the system promises it (a pipe: 4,096
/// bytes; a file opened for appending: any length). A longer line to a pipe or socket leaves in pieces of 4,096 bytes.
///
/// **When nobody reads.** A full pipe must not stop the server. A line waits at most `patience` for room; then it is
/// dropped and counted, and while there is still no room the next lines are dropped without waiting. The first line
/// that gets through is preceded by one that tells how many were lost. A descriptor that is closed on the other side
/// loses its lines in the same way; the process must ignore SIGPIPE.
package final class LogSink: Sendable {
    private struct State: Sendable {
        var isStalled = false
        var dropped = 0
        /// Whether a line ended in its middle, so that the next one has to begin on a new line.
        var isTorn = false
    }

    private static let atomicBytes = 4_096  // PIPE_BUF on Linux

    private let descriptor: Int32
    private let patience: Duration
    private let isStream: Bool
    private let state = Mutex(State())

    /// - Parameters:
    ///   - descriptor: Open for writing as long as the sink lives; it is not closed here. 2 is standard error.
    ///   - patience: How long one line may wait for a reader.
    package init(descriptor: Int32 = 2, patience: Duration = .milliseconds(250)) {
        self.descriptor = descriptor
        self.patience = patience
        var status = stat()
        let kind = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : S_IFREG
        isStream = kind == S_IFIFO || kind == S_IFSOCK
    }

    /// Lines lost since the last that got through.
    package var dropped: Int { state.withLock { $0.dropped } }

    /// - Parameters:
    ///   - line: Ends with a line feed.
    ///   - lossNote: Makes the line that tells about lost ones.
    func write(_ line: [UInt8], lossNote: (Int) -> [UInt8]) {
        state.withLock { state in
            var bytes = line
            if state.dropped > 0 { bytes = lossNote(state.dropped) + bytes }
            if state.isTorn { bytes.insert(UInt8(ascii: "\n"), at: 0) }
            let written = put(bytes, isStalled: &state.isStalled)
            if written == bytes.count {
                state.dropped = 0
                state.isTorn = false
            } else {
                state.dropped += 1
                if written > 0 { state.isTorn = true }
            }
        }
    }

    /// - Returns: Bytes that left.
    private func put(_ bytes: [UInt8], isStalled: inout Bool) -> Int {
        var done = 0
        while done < bytes.count {
            if isStream && !isWritable(within: isStalled ? .zero : patience) {
                isStalled = true
                return done
            }
            let length = isStream ? min(bytes.count - done, LogSink.atomicBytes) : bytes.count - done
            let count = bytes.withUnsafeBytes { buffer in
                buffer.baseAddress.map { systemWrite(descriptor, $0 + done, length) } ?? 0
            }
            if count > 0 {
                done += count
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                guard isWritable(within: isStalled ? .zero : patience) else {
                    isStalled = true
                    return done
                }
            } else if errno != EINTR {
                return done
            }
        }
        isStalled = false
        return done
    }

    private func isWritable(within patience: Duration) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        let milliseconds = Int32(clamping: patience.microseconds / 1_000)
        // A signal ends the wait early, which then counts as no room: one line, not one more wait.
        return poll(&entry, 1, milliseconds) > 0
    }
}

/// `write(2)` under a name that no method hides.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
