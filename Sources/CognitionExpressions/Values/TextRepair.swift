extension String {
    /// Text of UTF-8 in which what is no UTF-8 becomes U+FFFD, cut as jq cuts it: a sequence that does not go on counts up to
    /// where it stops, one that the end cuts off takes the rest with it.
    init(repairing bytes: [UInt8]) {
        if let text = String(validating: bytes, as: UTF8.self) {
            self = text
        } else {
            self = String(decoding: String.repaired(bytes), as: UTF8.self)
        }
    }

    private static func repaired(_ bytes: [UInt8]) -> [UInt8] {
        var repaired: [UInt8] = []
        repaired.reserveCapacity(bytes.count + 16)
        var position = 0
        while position < bytes.count {
            let count = sequenceLength(bytes[position])
            let end = Swift.min(position + Swift.max(count, 1), bytes.count)
            var next = position + 1
            while next < end, bytes[next] & 0xC0 == 0x80 { next += 1 }
            let isWhole = count > 0 && position + count <= bytes.count && next == end
            if isWhole, String(validating: bytes[position..<end], as: UTF8.self) != nil {
                repaired.append(contentsOf: bytes[position..<end])
            } else {
                repaired.append(contentsOf: [0xEF, 0xBF, 0xBD])
                if position + count > bytes.count { next = bytes.count }
            }
            position = next
        }
        return repaired
    }

    /// How many bytes a sequence with this first byte has; 0 for one that begins none.
    private static func sequenceLength(_ byte: UInt8) -> Int {
        switch byte {
        case ..<0x80: 1
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 0
        }
    }
}
