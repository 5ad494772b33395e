import CognitionCore

extension UUIDv7 {
    /// The sixteen bytes as they are stored, which keep the order of time.
    var storedBytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            for place in 0..<8 {
                let shift = UInt64(56 - 8 * place)
                buffer[place] = UInt8(truncatingIfNeeded: high >> shift)
                buffer[place + 8] = UInt8(truncatingIfNeeded: low >> shift)
            }
            count = 16
        }
    }

    init(stored bytes: [UInt8]) throws(EventError) {
        guard bytes.count == 16 else { throw EventError(.eventDamaged, "an event's id does not have 16 bytes") }
        self.init(
            high: bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }, low: bytes[8...].reduce(0) { $0 << 8 | UInt64($1) })
    }
}
