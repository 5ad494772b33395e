import CognitionCore
import CognitionStorage

/// The request for an execution, checked and encoded, before it is known which definition runs.
struct ExecutionRequest: Sendable {
    /// Bytes of an idempotency key.
    static let keyBytesMax = 255
    /// How the keys begin that the engine gives to the children of tasks. They share an index with those of clients, who
    /// must not take one before the task does.
    static let taskKeyPrefix = "task:"

    let command: ExecuteCommand
    let principal: Principal
    let input: EncodedJSON
    let inputHash: SHA256Digest

    /// - Throws: `workflow.input_too_large`, `workflow.command_invalid`.
    init(_ command: ExecuteCommand, by principal: Principal) throws {
        self.command = command
        self.principal = principal
        try Self.checkKeys(command.idempotencyKey, command.correlationID, isOfTask: command.parent != nil)
        if let priority = command.priority, !ExecutionPriority.range.contains(priority) {
            throw WorkflowError(.commandInvalid, "a priority is a whole number of 0 to 9")
        }
        input = try Self.encoded(command.input)
        inputHash = SHA256Digest(of: command.input.canonicalJSON)
    }

    /// The execution that the same idempotency key has started, also when its version has been deleted since.
    ///
    /// `latest` is whatever version it was then: the answer does not change when a higher one is stored.
    /// - Throws: `workflow.idempotency_key_reused` when it was for something else.
    func earlier(in tx: borrowing Transaction) throws -> ExecutionSummary? {
        guard let key = command.idempotencyKey,
            let found = try ExecutionStore.find(idempotencyKey: key, in: principal.workspace, tx)
        else { return nil }
        let summary = found.summary
        guard summary.workflow == command.workflow, found.inputHash == inputHash.bytes,
            command.version == Workflows.latest || command.version == summary.version,
            found.parent == command.parent
        else {
            throw WorkflowError(.keyReused, "the idempotency key was used for another workflow, version or input")
        }
        return summary
    }

    /// - Throws: `workflow.input_too_large`.
    static func encoded(_ input: JSONValue) throws -> EncodedJSON {
        let encoded = EncodedJSON(input)
        guard encoded.count <= Workflows.inputBytesMax else {
            throw WorkflowError(
                .inputTooLarge, "the input has \(encoded.count) bytes; at most \(Workflows.inputBytesMax) are taken")
        }
        return encoded
    }

    /// - Throws: `workflow.command_invalid`.
    static func checkKeys(_ key: String?, _ correlationID: String?, isOfTask: Bool = false) throws {
        if let correlationID, !isPlain(correlationID, bytesMax: 200) {
            throw WorkflowError(.commandInvalid, "a correlation id has 1 to 200 bytes and no control characters")
        }
        if let key { try check(key, isOfTask: isOfTask) }
    }

    private static func check(_ key: String, isOfTask: Bool) throws {
        guard isPlain(key, bytesMax: keyBytesMax) else {
            throw WorkflowError(
                .commandInvalid, "an idempotency key has 1 to \(keyBytesMax) bytes and no control characters")
        }
        guard isOfTask || !key.utf8.starts(with: taskKeyPrefix.utf8) else {
            throw WorkflowError(
                .commandInvalid, "idempotency keys that begin with \(taskKeyPrefix) are those of tasks; take another")
        }
    }

    private static func isPlain(_ text: String, bytesMax: Int) -> Bool {
        (1...bytesMax).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }
}
