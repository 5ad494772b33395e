import CognitionCore
import CognitionEvents
import CognitionStorage

/// Reads tasks with their data. Inputs that are not stored are found where they came from: the input of the task around, the
/// output of another task, or the execution's own input.
struct TaskDetailReader {
    /// Bytes of inputs and outputs after which a page ends; one task is always read.
    static let bytesMax = 16 << 20

    private let key: Int64
    private let lineage: Lineage
    private let workspace: WorkspaceID
    /// Whether the document leaves the execution's input as it is; else it could only be told by an evaluation.
    private let inputIsAsGiven: Bool
    /// Values that were read for this page; 0 is the execution's own.
    private var inputs: [Int: StoredPayload?] = [:]
    private var outputs: [Int: StoredPayload?] = [:]
    private var large: [StoredPayload: (value: JSONValue, bytes: Int)] = [:]

    init(key: Int64, lineage: Lineage, workspace: WorkspaceID, inputIsAsGiven: Bool) {
        self.key = key
        self.lineage = lineage
        self.workspace = workspace
        self.inputIsAsGiven = inputIsAsGiven
    }

    private struct Found {
        let summary: TaskSummary
        let source: InputSource
        let ownInput: StoredPayload?
        let input: StoredPayload?
        let output: StoredPayload?
        let parent: Int
    }

    /// At most `limit` tasks behind `number`; fewer when their data is much, so more follow whenever `hasMore` says so.
    ///
    /// - Parameter filter: What must be true of tasks `t` besides, beginning with AND.
    mutating func page(
        after number: Int, limit: Int, where filter: SQL = "", _ tx: borrowing Transaction
    ) throws -> (items: [TaskDetail], hasMore: Bool) {
        let rows = try lineage.page(
            """
            \(columns: TaskSummary.columns), source, own_input, own_input_sha256, input, input_sha256, output,
            output_sha256
            """, where: filter, after: number, limit: limit + 1, tx
        ) { row in
            let summary = try TaskSummary(row: row)
            return Found(
                summary: summary, source: try row[12], ownInput: try StoredPayload(row, at: 13),
                input: try StoredPayload(row, at: 15), output: try StoredPayload(row, at: 17), parent: summary.parent)
        } number: { (found: Found) in
            found.summary.number
        }
        for row in rows { outputs[row.summary.number] = .some(row.output) }
        var items: [TaskDetail] = []
        var bytes = 0
        for row in rows.prefix(limit) {
            if !items.isEmpty, bytes >= Self.bytesMax { break }
            let input = try load(
                row.input ?? rawInput(from: row.source, own: row.ownInput, parent: row.parent, tx), tx)
            let output = try load(row.output, tx)
            bytes += (input?.bytes ?? 0) + (output?.bytes ?? 0)
            items.append(TaskDetail(summary: row.summary, input: input?.value, output: output?.value))
        }
        return (items, items.count < rows.count)
    }

    private mutating func rawInput(
        from source: InputSource, own: StoredPayload?, parent: Int, _ tx: borrowing Transaction
    ) throws -> StoredPayload? {
        switch source {
        case .own: own
        case .task(let number): try output(of: number, tx)
        case .parent: try input(of: parent, tx)
        }
    }

    private mutating func output(of number: Int, _ tx: borrowing Transaction) throws -> StoredPayload? {
        if let known = outputs[number] { return known }
        let found = try lineage.first("t.output, t.output_sha256", number: number, tx) { try StoredPayload($0, at: 0) }
        let output: StoredPayload? = found ?? nil
        outputs[number] = .some(output)
        return output
    }

    /// The transformed input of a task; the tasks around are as many as the document nests.
    private mutating func input(of number: Int, _ tx: borrowing Transaction) throws -> StoredPayload? {
        if let known = inputs[number] { return known }
        let input = number == 0 ? try executionInput(tx) : try storedInput(of: number, tx)
        inputs[number] = .some(input)
        return input
    }

    /// What a task was given; `nil` where only an expression could tell.
    mutating func inputValue(of number: Int, _ tx: borrowing Transaction) throws -> JSONValue? {
        guard let payload = try input(of: number, tx) else { return nil }
        return try payload.json(for: workspace, in: tx)
    }

    private func executionInput(_ tx: borrowing Transaction) throws -> StoredPayload? {
        guard inputIsAsGiven else { return nil }
        return try tx.first("SELECT input, input_sha256 FROM executions WHERE key = \(key)") { row in
            try StoredPayload(row, at: 0)
        } ?? nil
    }

    private mutating func storedInput(of number: Int, _ tx: borrowing Transaction) throws -> StoredPayload? {
        let found = try lineage.first(
            "t.input, t.input_sha256, t.source, t.own_input, t.own_input_sha256, t.parent", number: number, tx
        ) { row in
            (
                input: try StoredPayload(row, at: 0), source: try row[2] as InputSource,
                own: try StoredPayload(row, at: 3), parent: try row[5] as Int
            )
        }
        guard let found else { return nil }
        return try found.input ?? rawInput(from: found.source, own: found.own, parent: found.parent, tx)
    }

    /// The value of a payload; tasks that share a large one share its value.
    private mutating func load(
        _ payload: StoredPayload?, _ tx: borrowing Transaction
    ) throws -> (value: JSONValue, bytes: Int)? {
        guard let payload else { return nil }
        if case .inline(let bytes) = payload { return (try JSONValue(parsing: bytes), bytes.count) }
        if let known = large[payload] { return known }
        let bytes = try PayloadStore.load(payload, workspace: workspace, in: tx)
        let loaded = (value: try JSONValue(parsing: bytes), bytes: bytes.count)
        large[payload] = loaded
        return loaded
    }
}
