package import CognitionCore

extension SearchDocument {
    /// A number that two documents share only when they are the same, but for chance: the sum over all documents tells
    /// whether an index holds what its database holds. Not for secrets; the order of members does not matter.
    package var fingerprint: UInt64 {
        var hash = Fingerprint(seed: 1)
        hash.add(id)
        hash.add(boost.bitPattern)
        if let roles {
            hash.add(UInt64(roles.count))
            for role in roles.sorted() { hash.add(role) }
        }
        hash.add(json: .object(fields))
        return hash.value
    }
}

/// A running 64-bit hash whose values may be kept on disk, unlike those of `Hasher`.
///
/// Multiply and fold of 8 bytes at a time, as wyhash does it (Wang Yi, github.com/wangyi-fudan/wyhash).
package struct Fingerprint {
    package private(set) var value: UInt64

    package init(seed: UInt64) { value = seed }

    package mutating func add(_ word: UInt64) {
        let (high, low) = (value ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: word ^ 0xE703_7ED1_A0B4_28DB)
        value = (high ^ low) &* 0x9E37_79B9_7F4A_7C15 &+ word
    }

    package mutating func add(_ bytes: UnsafeRawBufferPointer) {
        add(UInt64(bytes.count))
        var place = 0
        while place + 8 <= bytes.count {
            add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
            place += 8
        }
        var rest: UInt64 = 0
        while place < bytes.count {
            rest = rest << 8 | UInt64(bytes[place])
            place += 1
        }
        add(rest)
    }

    package mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }

    package mutating func add(json: JSONValue) {
        switch json {
        case .null: add(0 as UInt64)
        case .bool(let value): add(value ? 2 : 1 as UInt64)
        case .integer(let value): add(UInt64(bitPattern: value))
        case .number(let value): add(value.bitPattern)
        case .literal(let text), .string(let text): add(text)
        case .array(let elements):
            add(UInt64(elements.count))
            for element in elements { add(json: element) }
        case .object(let members):
            var sum = UInt64(members.count)
            for (name, value) in zip(members.keys, members.values) {
                var member = Fingerprint(seed: 2)
                member.add(name)
                member.add(json: value)
                sum &+= member.value
            }
            add(sum)
        }
    }
}
