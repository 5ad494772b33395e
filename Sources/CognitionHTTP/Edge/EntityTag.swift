import HTTPTypes

/// What tells one state of a resource from another (RFC 9110 8.8.3). Always weak, as the same state is sent both plain and
/// compressed.
package struct EntityTag: Sendable, Hashable {
    package let text: String

    /// Of the bytes of an answer; the same on every node and after a restart.
    ///
    /// Two rounds of multiplication and mixing for eight bytes each, as in wyhash: fast, and no defence against somebody
    /// who looks for two answers with the same tag, as that would only mislead themselves.
    package init(of bytes: [UInt8]) {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(bytes.count)
        bytes.withUnsafeBytes { buffer in
            var place = 0
            while place + 8 <= buffer.count {
                let word = UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: place, as: UInt64.self))
                state = Self.mix(state ^ word, 0xA076_1D64_78BD_642F)
                place += 8
            }
            var rest: UInt64 = 0
            while place < buffer.count {
                rest = rest << 8 | UInt64(buffer[place])
                place += 1
            }
            state = Self.mix(state ^ rest, 0xE703_7ED1_A0B4_28DB)
        }
        state = Self.mix(state, 0x8EBC_6AF0_9C88_C6E3)
        text = "W/\"\(String(state, radix: 36))\""
    }

    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (high, low) = left.multipliedFullWidth(by: right)
        return high ^ low
    }

    /// Whether `If-None-Match` names it (RFC 9110 13.1.2): the weak comparison.
    package func isNamed(by header: String) -> Bool {
        let own = text.dropFirst(2)
        return header.split(separator: ",").contains { candidate in
            let candidate = candidate.trimmingSpaces
            return candidate == "*" || (candidate.hasPrefix("W/") ? candidate.dropFirst(2) : candidate[...]) == own
        }
    }
}

extension Answer {
    /// The same answer, which clients may keep if they ask each time whether it still holds.
    /// - Parameter isPublic: It is the same for everybody.
    package func revalidated(isPublic: Bool = false) -> Answer {
        guard case .bytes(let bytes, _) = content, status == .ok else { return self }
        var answer = self
        answer.entityTag = EntityTag(of: bytes)
        answer.headers[.cacheControl] = isPublic ? "no-cache" : "private, no-cache"
        return answer
    }
}
