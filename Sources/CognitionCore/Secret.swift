/// A text that must never reach a log, an error or a screen: whatever prints it prints `••••`.
///
/// The value leaves only through `reveal()`, so that every place where it does is easy to find.
package struct Secret: Sendable, Hashable {
    private let value: String

    package init(_ value: String) { self.value = value }

    package var isEmpty: Bool { value.isEmpty }

    /// The text itself, for the one call that needs it.
    package func reveal() -> String { value }

    /// What stands wherever a secret would.
    package static let mask = "••••"

    /// Compares in a time that depends on the lengths alone, for tokens that strangers send.
    package static func == (left: Secret, right: Secret) -> Bool {
        let (a, b) = (Array(left.value.utf8), Array(right.value.utf8))
        guard a.count == b.count else { return false }
        var difference: UInt8 = 0
        for index in a.indices { difference |= a[index] ^ b[index] }
        return difference == 0
    }

    package func hash(into hasher: inout Hasher) {
        // Swift's `String ==` is by canonical equivalence, ours by bytes; so hash the bytes.
        for byte in value.utf8 { hasher.combine(byte) }
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { Secret.mask }
    package var debugDescription: String { Secret.mask }
    package var customMirror: Mirror { Mirror(reflecting: Secret.mask) }
}
