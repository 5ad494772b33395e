import CognitionCore

/// Which of a workspace's executions go first: 0...9, the higher the sooner. Workspaces take turns whatever theirs are.
package enum ExecutionPriority {
    package static let range = 0...9
    package static let normal = 5

    /// `document.metadata.priority` of a definition; `nil` where that is no whole number of 0...9, as metadata may say what
    /// it likes.
    static func usual(in document: JSONValue) -> Int? {
        guard let number = document["document"]?["metadata"]?["priority"]?.integerValue,
            let priority = Int(exactly: number), range.contains(priority)
        else { return nil }
        return priority
    }
}
