package import CognitionCore
import Foundation

/// Where a page of a list ended, as clients carry it: opaque, and refused when it belongs to another list.
package struct Cursor: Sendable, Hashable {
    /// Which list it belongs to, e.g. `executions`.
    private let list: String
    package let key: Int64

    package init(_ list: String, after key: Int64) {
        self.list = list
        self.key = key
    }

    package var text: String {
        Data("\(list):\(key)".utf8).base64EncodedString().replacing("=", with: "")
    }

    /// - Throws: `request.cursor_invalid` for a text that no page of this list has given.
    package init(_ text: String, of list: String) throws {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        guard text.utf8.count <= 128, let data = Data(base64Encoded: text + padding),
            let plain = String(validating: data, as: UTF8.self), let colon = plain.lastIndex(of: ":"),
            plain[..<colon] == list, let key = Int64(plain[plain.index(after: colon)...]),
            (0..<Int64.max).contains(key),
            Cursor(list, after: key).text == text
        else { throw RequestError(.cursorInvalid, "the cursor is not one that a page of this list has given") }
        self.init(list, after: key)
    }
}
