package import CognitionCore

/// The texts that running tasks are writing just now, such as answers of language models; filled in by the server.
///
/// They are no part of the log: a connection gets them while they come, without a place to go on from.
package protocol LiveTextSource: Sendable {
    /// Watches an execution that the caller is known to see.
    ///
    /// - Parameters:
    ///   - id: Of an execution, in lower case.
    ///   - wake: Called, from any thread, when there is something to take; at most once until it is taken. It does not block.
    func watch(execution id: String, in workspace: WorkspaceID, wake: @escaping @Sendable () -> Void) -> any LiveText
}

/// One subscription's view of the texts of an execution.
package protocol LiveText: Sendable {
    /// What has come since the last call, as the `data` of messages of type `event`; a text from its beginning where nothing
    /// of it was taken so far.
    func take() -> [JSONObject]

    /// Nothing is taken any more.
    func end()
}
