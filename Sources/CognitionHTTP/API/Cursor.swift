import CognitionCore
import Foundation

/// Where a page of a list ended, as clients carry it: opaque, and refused when it belongs to another list.
package struct Cursor: Sendable, Hashable {
    /// Which list it belongs to, e.g. `executions`.
    private let list: String
    /// Without a colon.
    private let place: String
    /// Of a list in the order of numbers; 0 of any other.
    package var key: Int64 { Int64(place) ?? 0 }

    package init(_ list: String, after key: Int64) { self.init(list, afterName: String(key)) }

    /// Of a list in the order of names, which have no colon.
    package init(_ list: String, afterName name: String) {
        self.list = list
        place = name
    }

    package var text: String {
        Data("\(list):\(place)".utf8).base64EncodedString().replacing("=", with: "")
    }

    /// - Throws: `request.cursor_invalid` for a text that no page of this list has given.
    package init(_ text: String, of list: String) throws {
        try self.init(text, of: list) { place in Int64(place).map { (0..<Int64.max).contains($0) } ?? false }
    }

    /// The name that a page of a list in the order of names has ended with.
    /// - Throws: As ``init(_:of:)``.
    package static func name(_ text: String, of list: String, isName: (String) -> Bool) throws -> String {
        try Cursor(text, of: list, isPlace: isName).place
    }

    private init(_ text: String, of list: String, isPlace: (String) -> Bool) throws {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        guard text.utf8.count <= 128, let data = Data(base64Encoded: text + padding),
            let plain = String(validating: data, as: UTF8.self), let colon = plain.lastIndex(of: ":"),
            plain[..<colon] == list
        else { throw Self.strange }
        let place = String(plain[plain.index(after: colon)...])
        self.init(list, afterName: place)
        guard isPlace(place), self.text == text else { throw Self.strange }
    }

    private static var strange: RequestError {
        RequestError(.cursorInvalid, "the cursor is not one that a page of this list has given")
    }
}
