import CognitionCore

/// A piece of a list, `{items, next_cursor}`, as a command prints it.
struct ListOutput {
    private let page: JSONValue
    private let json: Bool
    private let empty: String

    /// - Parameter empty: What is said when there is nothing.
    init(_ page: JSONValue, json: Bool, empty: String) {
        self.page = page
        self.json = json
        self.empty = empty
    }

    /// - Parameter line: An item as a line for people.
    func write(_ line: (JSONValue) -> String) {
        if json { return Terminal.write(page.jsonText) }
        let items = page["items"]?.arrayValue ?? []
        guard !items.isEmpty else { return Terminal.note(empty) }
        for item in items { Terminal.write(line(item)) }
        if let next = page["next_cursor"]?.stringValue { Terminal.note("more: --cursor \(next)") }
    }
}

extension String {
    func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
