import CognitionCore
import Synchronization

/// What an effect works with that must not be stored: the secrets that it was given, and the tokens that it got.
final class SensitiveValues: Sendable {
    private let values = Mutex<[JSONValue]>([])

    func add(_ more: [JSONValue]) { values.withLock { $0 += more } }

    func add(_ text: String) { add([.string(text)]) }

    var all: [JSONValue] { values.withLock { $0 } }
}
