import CognitionCore
import Foundation

/// The bytes of a segment: memory of the process, or a file that is mapped. Both are read alike and never written.
final class SegmentMemory: @unchecked Sendable {
    // Unchecked as it holds a pointer to memory that is written before the object is there, and freed after it.
    let bytes: UnsafeRawBufferPointer
    private let isMapped: Bool

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

    /// Maps a file of at least one byte; a file that shrinks while it is mapped ends the process, as nobody shrinks it.
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
