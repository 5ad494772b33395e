import Synchronization

/// A time-ordered identifier (RFC 9562, version 7): 48 bits of milliseconds, then 74 bits of which the first twelve count
/// within the millisecond and the rest are random.
package struct UUIDv7: Sendable, Hashable, Comparable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static func < (left: UUIDv7, right: UUIDv7) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

extension UUIDv7: LosslessStringConvertible {
    /// Lower-case text of 36 characters.
    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var place = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    buffer[place] = UInt8(ascii: "-")
                    place += 1
                }
                let word = digit < 16 ? high : low
                let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (digit % 16))) & 0xF
                buffer[place] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
                place += 1
            }
            return place
        }
    }

    /// Reads 36 characters with dashes in their places, either case; `nil` for anything else.
    package init?(_ text: String) {
        var words: [UInt64] = [0, 0]
        var digits = 0
        var place = 0
        for byte in text.utf8 {
            defer { place += 1 }
            if place == 8 || place == 13 || place == 18 || place == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard digits < 32, let nibble = byte.hexadecimalDigit else { return nil }
            words[digits / 16] = words[digits / 16] << 4 | UInt64(nibble)
            digits += 1
        }
        guard digits == 32, place == 36 else { return nil }
        self.init(high: words[0], low: words[1])
    }
}

extension UInt8 {
    /// The value 0...15 of an ASCII hexadecimal digit of either case.
    package var hexadecimalDigit: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// Hands out identifiers that rise within the process even when the clock stands still or goes back.
package final class UUIDGenerator: Sendable {
    private struct State {
        var milliseconds: UInt64 = 0
        var counter: UInt64 = 0
        var random: any RandomNumberGenerator & Sendable
    }

    private let clock: any WallClock
    private let state: Mutex<State>

    package init(
        clock: any WallClock = SystemWallClock(),
        random: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.clock = clock
        self.state = Mutex(State(random: random))
    }

    package func next() -> UUIDv7 {
        let now = UInt64(max(0, clock.now.microseconds)) / 1_000
        return state.withLock { state in
            if now > state.milliseconds {
                state.milliseconds = now
                state.counter = state.random.next() & 0x7FF
            } else {
                state.counter += 1
                if state.counter > 0xFFF {
                    state.milliseconds += 1
                    state.counter = 0
                }
            }
            let high = (state.milliseconds & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | state.counter
            let low = state.random.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
            return UUIDv7(high: high, low: low)
        }
    }

    package func next<Entity>(_: Entity.Type = Entity.self) -> Identifier<Entity> { Identifier(next()) }
}

/// The identifier of one kind of thing; the type keeps an execution's from being passed where a workflow's is meant.
package struct Identifier<Entity>: Sendable, Hashable, Comparable, LosslessStringConvertible {
    package let uuid: UUIDv7

    package init(_ uuid: UUIDv7) { self.uuid = uuid }

    package init?(_ text: String) {
        guard let uuid = UUIDv7(text) else { return nil }
        self.uuid = uuid
    }

    package var description: String { uuid.description }

    package static func < (left: Self, right: Self) -> Bool { left.uuid < right.uuid }
}
