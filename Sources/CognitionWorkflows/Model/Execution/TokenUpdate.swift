package import CognitionCore

/// What a watcher of an execution is told of the text that one of its tasks is writing.
///
/// Such a text is there to be looked at while it comes; what the task gives in the end is its output.
package struct TokenUpdate: Sendable, Hashable {
    package enum Change: Sendable, Hashable {
        /// More text, never empty.
        ///
        /// - Parameter offset: Bytes of UTF-8 of this attempt's text before it. 0 is the beginning of the text, whatever was
        ///   told before; more than a watcher has means that something between was let go of.
        case text(String, offset: Int)
        /// Everything told of this attempt's text is void.
        case reset(reason: String)
    }

    package let task: Int
    package let name: String
    /// Of the task, 1-based.
    package let attempt: Int
    package let change: Change

    package init(task: Int, name: String, attempt: Int, _ change: Change) {
        self.task = task
        self.name = name
        self.attempt = attempt
        self.change = change
    }

    /// `{task, name, attempt, offset, text}`, or `{task, name, attempt, reason}` of a reset.
    package var json: JSONObject {
        var members: JSONObject = [
            "task": .integer(Int64(task)), "name": .string(name), "attempt": .integer(Int64(attempt)),
        ]
        switch change {
        case .text(let text, let offset):
            members["offset"] = .integer(Int64(offset))
            members["text"] = .string(text)
        case .reset(let reason): members["reason"] = .string(reason)
        }
        return members
    }

    var textBytes: Int { if case .text(let text, _) = change { text.utf8.count } else { 0 } }
}

extension TokenUpdate {
    /// Reads what ``json`` writes; `nil` for what is none.
    package init?(_ json: JSONValue) {
        guard let task = json["task"]?.integerValue, let name = json["name"]?.stringValue,
            let attempt = json["attempt"]?.integerValue
        else { return nil }
        let change: Change
        if let text = json["text"]?.stringValue, let offset = json["offset"]?.integerValue {
            change = .text(text, offset: Int(clamping: max(0, offset)))
        } else if let reason = json["reason"]?.stringValue {
            change = .reset(reason: reason)
        } else {
            return nil
        }
        self.init(task: Int(clamping: task), name: name, attempt: Int(clamping: attempt), change)
    }
}
