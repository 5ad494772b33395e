/// Goes through the terms of a dictionary in order.
///
/// What it is at lies behind a pointer, so that its loops neither check exclusivity nor count references.
final class TermIterator {
    private let state: UnsafeMutablePointer<State>

    /// Stands before the first term.
    init(_ dictionary: TermDictionary) {
        state = .allocate(capacity: 1)
        state.initialize(to: State(dictionary))
    }

    deinit {
        state.pointee.bytes.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// The current term's bytes, until the iterator moves.
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: state.pointee.bytes, count: state.pointee.length)
    }
    var term: [UInt8] { Array(bytes) }
    var text: String { String(decoding: bytes, as: UTF8.self) }
    /// Bytes it shares with the term before it, 0 after a seek.
    var shared: Int { state.pointee.shared }
    /// `nil` before the first and after the last term.
    var entry: TermEntry? { state.pointee.entry }
    var isDamaged: Bool { state.pointee.isDamaged }

    /// Goes to the next term; `false` at the end.
    @discardableResult
    func advance() -> Bool { state.pointee.advance() }

    /// Goes to the first term not before `target`; `false` if there is none.
    @discardableResult
    func seek(_ target: [UInt8]) -> Bool { target.withUnsafeBytes { state.pointee.seek($0) } }

    /// Goes on as long as terms begin with the first `length` bytes of the current one; `false` at the end.
    func skip(past length: Int) -> Bool { state.pointee.skip(past: length) }

    private struct State {
        static let lengthMax = 1 << 16

        let dictionary: TermDictionary
        var source = ByteSource(UnsafeRawBufferPointer(start: nil, count: 0))
        var starts: (postings: Int, positions: Int) = (0, 0)
        var next = 0
        var bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
        var capacity = 256
        var length = 0
        var shared = 0
        var entry: TermEntry?
        var isDamaged = false

        init(_ dictionary: TermDictionary) { self.dictionary = dictionary }

        mutating func advance() -> Bool {
            guard next < dictionary.count, !isDamaged else {
                entry = nil
                return false
            }
            let startsBlock = next % TermDictionaryWriter.blockLength == 0
            if startsBlock {
                let block = next / TermDictionaryWriter.blockLength
                (source, starts) = (dictionary.source(block: block), dictionary.starts(block: block))
            }
            let kept = Int(truncatingIfNeeded: source.varint() & 0xFFFF_FFFF)
            let rest = source.take(Int(truncatingIfNeeded: source.varint() & 0xFFFF_FFFF))
            entry = dictionary.entry(next, &source, &starts)
            guard entry != nil, kept <= length, !startsBlock || kept == 0, kept + rest.count <= Self.lengthMax else {
                isDamaged = true
                entry = nil
                return false
            }
            shared = kept
            if startsBlock {
                shared = 0
                while shared < min(length, rest.count), bytes[shared] == rest[shared] { shared += 1 }
            }
            if kept + rest.count > capacity { grow(to: kept + rest.count) }
            for place in 0..<rest.count { bytes[kept &+ place] = rest[place] }
            length = kept + rest.count
            next += 1
            return true
        }

        private mutating func grow(to needed: Int) {
            let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: needed * 2)
            larger.update(from: bytes, count: length)
            bytes.deallocate()
            (bytes, capacity) = (larger, needed * 2)
        }

        mutating func seek(_ target: UnsafeRawBufferPointer) -> Bool {
            guard dictionary.count > 0 else { return false }
            next = dictionary.block(of: target) * TermDictionaryWriter.blockLength
            while advance() {
                if compare(UnsafeRawBufferPointer(start: bytes, count: length), target) >= 0 {
                    shared = 0
                    return true
                }
            }
            return false
        }

        mutating func skip(past beginning: Int) -> Bool {
            while next % TermDictionaryWriter.blockLength != 0 {
                guard advance() else { return false }
                if shared < beginning { return true }
            }
            // Blocks whose first term begins so, too, are passed over; what follows is in the last of them or after it.
            var (known, step) = (next / TermDictionaryWriter.blockLength - 1, 1)
            while begins(block: known + step, beginning) {
                known += step
                step *= 2
            }
            while step > 1 {
                step /= 2
                if begins(block: known + step, beginning) { known += step }
            }
            next = max(next, known * TermDictionaryWriter.blockLength)
            while advance() {
                if shared < beginning { return true }
            }
            return false
        }

        /// Whether a block's first term shares a beginning with the current term.
        private func begins(block: Int, _ length: Int) -> Bool {
            guard block < dictionary.blockCount else { return false }
            let first = dictionary.firstTerm(block: block)
            guard first.count >= length else { return false }
            for place in 0..<length where first[place] != bytes[place] { return false }
            return true
        }
    }
}
