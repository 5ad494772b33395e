import CognitionSearch
import Foundation
import Synchronization

/// The file system, which fails or stops at a step: each call, and each piece of a file that is written, is one.
final class FaultyFiles: IndexFiles {
    struct Stopped: Error {}

    private let disk = DiskFiles()
    private struct State {
        var steps = 0
        var stopsAt = Int.max
        /// Whether only the one step fails, as a full disk does, or all from it on, as after a power cut.
        var isFailure = false
    }
    private let state = Mutex(State())

    var steps: Int { state.withLock { $0.steps } }

    /// Counts from 0 anew; the process is as good as dead from step `number` on.
    func stop(at number: Int) { state.withLock { $0 = State(stopsAt: number) } }
    /// Step `number` fails with half of its bytes written.
    func fail(at number: Int) { state.withLock { $0 = State(stopsAt: number, isFailure: true) } }
    func heal() { state.withLock { $0 = State() } }

    private func step() throws {
        try state.withLock { state in
            defer { state.steps += 1 }
            if state.isFailure ? state.steps == state.stopsAt : state.steps >= state.stopsAt { throw Stopped() }
        }
    }

    func makeFolder(_ path: String) throws { try disk.makeFolder(path) }
    func names(in folder: String) throws -> [String] { try disk.names(in: folder) }
    func read(_ path: String) throws -> [UInt8] { try disk.read(path) }

    func write(_ path: String, _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws {
        try step()
        try disk.write(path) { emit in
            try withoutActuallyEscaping(emit) { emit in
                try body { piece in
                    do {
                        try self.step()
                    } catch {
                        try emit(UnsafeRawBufferPointer(rebasing: piece[..<(piece.count / 2)]))
                        throw error
                    }
                    try emit(piece)
                }
            }
        }
    }

    func sync(file path: String) throws {
        try step()
        try disk.sync(file: path)
    }

    func sync(folder path: String) throws {
        try step()
        try disk.sync(folder: path)
    }

    func rename(_ path: String, to target: String) throws {
        try step()
        try disk.rename(path, to: target)
    }

    func remove(_ path: String) throws {
        try step()
        try disk.remove(path)
    }
}
