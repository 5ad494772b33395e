/// Words that say too little to be looked for, as numbers of their bytes.
struct StopWords: Sendable {
    /// An open hash table of words of up to eight bytes; 0 is an empty place. Never full.
    private var places: [UInt64]
    private let shift: UInt64

    init(_ words: String) {
        let words = words.split(separator: " ")
        let bits = UInt64(64 - (words.count * 4).leadingZeroBitCount)
        shift = 64 - bits
        places = [UInt64](repeating: 0, count: 1 << bits)
        for word in words where word.utf8.count <= 8 {
            let packed = word.utf8.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            var place = Int((packed &* 0x9E37_79B9_7F4A_7C15) >> shift)
            while places[place] != 0 { place = (place + 1) & (places.count - 1) }
            places[place] = packed
        }
    }

    /// - Parameter word: At least eight bytes can be read there.
    @inline(__always)
    func contains(_ word: UnsafeMutablePointer<UInt8>, _ count: Int) -> Bool {
        guard 1...8 ~= count else { return false }
        let bytes = UInt64(littleEndian: UnsafeRawPointer(word).loadUnaligned(as: UInt64.self))
        let packed = bytes & (UInt64.max >> UInt64(64 - 8 * count))
        var place = Int((packed &* 0x9E37_79B9_7F4A_7C15) >> shift)
        return places.withUnsafeBufferPointer { places in
            while places[place] != 0 {
                if places[place] == packed { return true }
                place = (place + 1) & (places.count - 1)
            }
            return false
        }
    }

    /// The 33 of Lucene's English analyzer.
    static let english = StopWords(
        """
        a an and are as at be but by for if in into is it no not of on or such that the their then there these they \
        this to was will with
        """)
}
