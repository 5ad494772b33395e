package import CognitionCore

/// Elements that wait for their turn: workspaces take turns; within one the highest priority goes first, and of equal ones
/// the one that came first.
///
/// All operations but ``removeAll(where:)`` take constant time on average: what is removed out of turn leaves its ticket
/// behind, and tickets of nothing are thrown away when they are more than half of all.
package struct FairQueue<ID: Hashable & Sendable, Element: Sendable>: Sendable {
    private struct Line: Sendable {
        /// By priority; `first` is the place of the next ticket.
        var tickets = Array(repeating: Tickets(), count: ExecutionPriority.range.count)
        var count = 0
    }

    private struct Tickets: Sendable {
        var list: [(number: UInt64, id: ID)] = []
        var first = 0

        mutating func next() -> (number: UInt64, id: ID)? {
            guard first < list.count else { return nil }
            defer {
                first += 1
                if first == list.count || first >= 256 {
                    list.removeFirst(first)
                    first = 0
                }
            }
            return list[first]
        }
    }

    private struct Entry: Sendable {
        let number: UInt64
        let workspace: WorkspaceID
        let element: Element
    }

    private var entries: [ID: Entry] = [:]
    private var lines: [WorkspaceID: Line] = [:]
    /// Workspaces in the order of their turns; one whose line is gone is passed over.
    private var turns: [WorkspaceID] = []
    private var turn = 0
    private var lastNumber: UInt64 = 0
    private var ticketCount = 0

    package init() {}

    package var count: Int { entries.count }

    /// - Parameter priority: 0...9; what is outside counts as the nearest.
    package mutating func append(_ element: Element, as id: ID, of workspace: WorkspaceID, priority: Int) {
        remove(id)
        lastNumber += 1
        entries[id] = Entry(number: lastNumber, workspace: workspace, element: element)
        let range = ExecutionPriority.range
        let place = min(max(priority, range.lowerBound), range.upperBound) - range.lowerBound
        if lines[workspace] == nil { turns.append(workspace) }
        lines[workspace, default: Line()].tickets[place].list.append((lastNumber, id))
        lines[workspace]?.count += 1
        ticketCount += 1
    }

    /// The element whose turn it is, together with its identifier.
    package mutating func popFirst() -> (id: ID, element: Element)? {
        while !entries.isEmpty {
            let workspace = nextWorkspace()
            guard var line = lines.removeValue(forKey: workspace) else { continue }
            let next = line.count > 0 ? take(from: &line) : nil
            if next != nil { line.count -= 1 }
            if line.count > 0 {
                lines[workspace] = line
                turns.append(workspace)
            } else {
                ticketCount -= line.tickets.reduce(0) { $0 + $1.list.count - $1.first }
            }
            if let next { return next }
        }
        return nil
    }

    package mutating func remove(_ id: ID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        leave(entry)
        dropTicketsOfNothing()
    }

    package mutating func removeAll(where shouldBeRemoved: (ID) -> Bool) {
        for id in entries.keys.filter(shouldBeRemoved) {
            if let entry = entries.removeValue(forKey: id) { leave(entry) }
        }
        dropTicketsOfNothing()
    }

    private mutating func nextWorkspace() -> WorkspaceID {
        defer {
            turn += 1
            if turn >= 256 || turn == turns.count {
                turns.removeFirst(turn)
                turn = 0
            }
        }
        return turns[turn]
    }

    private mutating func take(from line: inout Line) -> (id: ID, element: Element)? {
        for place in line.tickets.indices.reversed() {
            while let ticket = line.tickets[place].next() {
                ticketCount -= 1
                guard let entry = entries[ticket.id], entry.number == ticket.number else { continue }
                entries[ticket.id] = nil
                return (ticket.id, entry.element)
            }
        }
        return nil
    }

    private mutating func leave(_ entry: Entry) { lines[entry.workspace]?.count -= 1 }

    private mutating func dropTicketsOfNothing() {
        guard ticketCount > 2 * entries.count + 64 || entries.isEmpty else { return }
        for workspace in Array(lines.keys) {
            guard var line = lines.removeValue(forKey: workspace), line.count > 0 else { continue }
            for place in line.tickets.indices {
                let waiting = line.tickets[place]
                line.tickets[place].list = waiting.list[waiting.first...].filter { entries[$0.id]?.number == $0.number }
                line.tickets[place].first = 0
            }
            lines[workspace] = line
        }
        turns = turns[turn...].filter { lines[$0] != nil }
        turn = 0
        ticketCount = entries.count
    }
}
