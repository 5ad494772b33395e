import CognitionCore
import CognitionEvents
import CognitionStorage

/// Compares two executions: their tasks by where they stand in the document and how often they have been there.
struct DiffReader {
    private struct Line {
        /// Of its row, which two executions may share.
        let row: Int64
        let number: Int
        let parent: Int
        let scope: Int
        let name: String
        let reference: String
        let status: TaskStatus
        let took: Duration?
        let cost: Int64?
        /// Of the output as it is stored.
        let outputHash: [UInt8]?
    }

    /// Where a task stands: the pair of the task around it, and what is the same for all visits of it.
    private struct Place: Hashable {
        let parent: Int
        let scope: Int
        let reference: String
        let visit: Int
    }

    private struct Aligned {
        var left: Line?
        var right: Line?

        var order: Int { min(left?.number ?? .max, right?.number ?? .max) }

        var standing: ExecutionDiff.Standing {
            guard let left else { return .onlyRight }
            guard let right else { return .onlyLeft }
            return left.status == right.status && left.outputHash == right.outputHash ? .equal : .changed
        }
    }

    private let workspace: WorkspaceID

    init(in workspace: WorkspaceID) { self.workspace = workspace }

    func read(
        _ left: ExecutionID, _ right: ExecutionID, after skipped: Int, limit: Int, changesOnly: Bool,
        _ tx: borrowing Transaction
    ) throws -> ExecutionDiff {
        let (leftExecution, leftLineage) = try find(left, tx)
        let (rightExecution, rightLineage) = try find(right, tx)
        let leftLines = try lines(of: leftLineage, left, tx)
        let rightLines = try lines(of: rightLineage, right, tx)
        let shared = Set(leftLines.map(\.row)).intersection(rightLines.map(\.row))
        let aligned = align(leftLines, rightLines, shared)
        var diff = ExecutionDiff(
            left: .init(execution: leftExecution, tasks: leftLines.count - shared.count),
            right: .init(execution: rightExecution, tasks: rightLines.count - shared.count), shared: shared.count,
            totals: Dictionary(grouping: aligned, by: \.standing).mapValues(\.count), pairs: [])
        let wanted = changesOnly ? aligned.filter { $0.standing != .equal } : aligned
        var bytes = 0
        for pair in wanted.dropFirst(skipped).prefix(limit) {
            if !diff.pairs.isEmpty, bytes >= TaskDetailReader.bytesMax { break }
            guard let line = pair.left ?? pair.right else { continue }
            let hasOutputs = pair.standing != .equal
            diff.pairs.append(
                ExecutionDiff.Pair(
                    standing: pair.standing, reference: line.reference, name: line.name, scope: line.scope,
                    left: try side(pair.left, hasOutputs, &bytes, tx),
                    right: try side(pair.right, hasOutputs, &bytes, tx)
                ))
        }
        let behind = skipped + diff.pairs.count
        if behind < wanted.count { diff.next = behind }
        return diff
    }

    private func find(_ id: ExecutionID, _ tx: borrowing Transaction) throws -> (Execution, Lineage) {
        guard let execution = try ExecutionStore.execution(id, in: workspace, tasksMax: 0, tx),
            let (key, _) = try ExecutionStore.summary(of: id, in: workspace, tx)
        else { throw WorkflowError.notFound(id) }
        return (execution, try Lineage(of: key, tx))
    }

    private func lines(of lineage: Lineage, _ id: ExecutionID, _ tx: borrowing Transaction) throws -> [Line] {
        let lines = try lineage.page(
            """
            t.id, t.parent, t.scope, t.name, t.reference, t.status, t.started_at, t.ended_at, t.cost_micros, t.output,
            t.output_sha256
            """, limit: ExecutionDiff.tasksMax + 1, tx
        ) { row in
            let (startedAt, endedAt): (Timestamp, Timestamp?) = (try row[6], try row[7])
            let hash: [UInt8]? =
                switch try StoredPayload(row, at: 9) {
                case .inline(let bytes): SHA256Digest(of: bytes).bytes
                case .reference(let digest): digest.bytes
                case nil: nil
                }
            return Line(
                row: try row[0], number: TaskKey.number(of: try row[0]), parent: try row[1], scope: try row[2],
                name: try row[3], reference: try row[4], status: try row[5], took: endedAt.map { $0 - startedAt },
                cost: try row[8], outputHash: hash)
        } number: { (line: Line) in
            line.number
        }
        guard lines.count <= ExecutionDiff.tasksMax else {
            throw WorkflowError(
                .diffTooLarge, "execution \(id) has more than \(ExecutionDiff.tasksMax) tasks, and is not compared")
        }
        return lines
    }

    private func align(_ left: [Line], _ right: [Line], _ shared: Set<Int64>) -> [Aligned] {
        var pairs: [Place: Int] = [:]
        var aligned: [Aligned] = []
        func add(_ lines: [Line], _ isLeft: Bool) {
            var pairOf: [Int: Int] = [0: -1]
            var visits: [Place: Int] = [:]
            for line in lines {
                let parent = pairOf[line.parent] ?? -1
                let base = Place(parent: parent, scope: line.scope, reference: line.reference, visit: 0)
                visits[base, default: 0] += 1
                let place = Place(
                    parent: parent, scope: line.scope, reference: line.reference, visit: visits[base] ?? 1)
                let index = pairs[place] ?? aligned.count
                if index == aligned.count {
                    pairs[place] = index
                    aligned.append(Aligned())
                }
                pairOf[line.number] = index
                if isLeft { aligned[index].left = line } else { aligned[index].right = line }
            }
        }
        add(left, true)
        add(right, false)
        return aligned.filter { pair in !shared.contains(pair.left?.row ?? -1) }
            .sorted { ($0.order, $0.left == nil ? 1 : 0) < ($1.order, $1.left == nil ? 1 : 0) }
    }

    private func side(
        _ line: Line?, _ hasOutput: Bool, _ bytes: inout Int, _ tx: borrowing Transaction
    ) throws -> ExecutionDiff.Side? {
        guard let line else { return nil }
        var side = ExecutionDiff.Side(number: line.number, status: line.status, took: line.took, cost: line.cost)
        guard hasOutput, line.outputHash != nil else { return side }
        let payload = try tx.first("SELECT output, output_sha256 FROM tasks WHERE id = \(line.row)") { row in
            try StoredPayload(row, at: 0)
        }
        guard case .some(.some(let payload)) = payload else { return side }
        let loaded = try PayloadStore.load(payload, workspace: workspace, in: tx)
        bytes += loaded.count
        side.output = try JSONValue(parsing: loaded)
        return side
    }
}
