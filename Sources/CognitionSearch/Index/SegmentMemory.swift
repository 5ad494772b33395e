import CognitionCore
import Foundation
import Synchronization

/// The bytes of a segment: memory of the process, or a file that is mapped. Both are read alike and never written.
final class SegmentMemory: @unchecked Sendable {
    // Unchecked as it holds a pointer to memory that is written before the object is there, and freed after it.
    let bytes: UnsafeRawBufferPointer
    private let isMapped: Bool
    /// When the file was last looked at, in milliseconds.
    private let lookedAt = Atomic<Int64>(.min)

    init(_ image: SegmentImage) {
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: image.byteCount, alignment: 16)
        var offset = 0
        image.write { piece in
            UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: piece)
            offset += piece.count
        }
        bytes = UnsafeRawBufferPointer(rebasing: target[..<offset])
        isMapped = false
    }

    init(copy: UnsafeRawBufferPointer) {
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, copy.count), alignment: 16)
        target.copyMemory(from: copy)
        bytes = UnsafeRawBufferPointer(rebasing: target[..<copy.count])
        isMapped = false
    }

    /// Maps a file of at least one byte.
    ///
    /// Nobody shortens it. Where somebody does, ``check()`` says so before what is gone is read; what is read within the
    /// milliseconds between the two ends the process (SIGBUS).
    init(mapping path: String) throws {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw SearchError.file("open", path) }
        defer { close(file) }
        let length = lseek(file, 0, SEEK_END)
        guard length > 0, let start = mmap(nil, Int(length), PROT_READ, MAP_PRIVATE, file, 0), start != MAP_FAILED
        else { throw SearchError(.searchIndexDamaged, "A file of the index is empty or cannot be mapped.") }
        bytes = UnsafeRawBufferPointer(start: start, count: Int(length))
        isMapped = true
    }

    /// Milliseconds for which a file that was looked at is believed to be whole.
    private static let believed: Int64 = 10

    /// Looks whether a mapped file still has its end. Whoever begins to read a segment asks; it costs next to nothing.
    ///
    /// - Throws: `search.index_damaged`.
    func check() throws(SearchError) {
        #if os(Linux)
            guard isMapped, let start = bytes.baseAddress else { return }
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
            let now = Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
            guard now &- Self.believed >= lookedAt.load(ordering: .relaxed) else { return }
            // The last page can be read only while the file reaches into it; asked for so, it is an error and no signal.
            // Kernels before 5.14 do not know the question.
            let page = (bytes.count - 1) / Self.pageSize * Self.pageSize
            if madvise(UnsafeMutableRawPointer(mutating: start + page), 1, MADV_POPULATE_READ) != 0, errno == EFAULT {
                throw .damaged("it was cut short")
            }
            // Of a page that the file reaches into the rest is zero.
            let end = bytes.count < 8 ? 0 : start.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
            guard end == SegmentFormat.magic.littleEndian else { throw .damaged("it was cut short") }
            lookedAt.store(now, ordering: .relaxed)
        #endif
    }

    private static let pageSize = sysconf(Int32(_SC_PAGESIZE))

    deinit {
        if isMapped {
            munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress.unsafelyUnwrapped), bytes.count)
        } else {
            bytes.deallocate()
        }
    }
}

extension SearchError {
    /// What the operating system said about a file of the index.
    static func file(_ verb: String, _ path: String) -> SearchError {
        let reason = String(cString: strerror(errno))
        return SearchError(.searchStorageFailed, "The index could not \(verb) one of its files: \(reason).")
    }
}
