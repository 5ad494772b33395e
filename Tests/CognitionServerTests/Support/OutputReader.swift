import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads one output of a process to its end, on a thread of its own, so that the process never waits for a reader.
final class OutputReader: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        /// Where the line begins that has not come to its end.
        var lineStart = 0
        var hasEnded = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    /// Lines as they come; for one reader at a time.
    let lines: AsyncStream<String>

    /// - Parameter descriptor: The pipe's end to read from; closed at its end.
    init(_ descriptor: Int32) {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        self.lines = lines
        Thread.detachNewThread { [self] in
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                for line in take(buffer[..<count]) { continuation.yield(line) }
            }
            close(descriptor)
            continuation.finish()
            end()
        }
    }

    /// Waits for a line that fits, and passes over those before it.
    /// - Throws: `TestFailure` when the output ends without one.
    func line(where fits: (String) -> Bool) async throws -> String {
        for await line in lines where fits(line) { return line }
        try Task.checkCancellation()
        throw TestFailure("the output has ended without the line; it was:\n\(await text())")
    }

    /// Everything that was written, once it has ended.
    func text() async -> String {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.waiters.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
        return state.withLock { String(decoding: $0.bytes, as: UTF8.self) }
    }

    /// - Returns: The lines that these bytes complete.
    private func take(_ bytes: ArraySlice<UInt8>) -> [String] {
        state.withLock { state in
            var lines: [String] = []
            for byte in bytes {
                if byte == UInt8(ascii: "\n") {
                    lines.append(String(decoding: state.bytes[state.lineStart...], as: UTF8.self))
                    state.lineStart = state.bytes.count + 1
                }
                state.bytes.append(byte)
            }
            return lines
        }
    }

    private func end() {
        let waiters = state.withLock { state in
            state.hasEnded = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
