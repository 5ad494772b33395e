import CognitionCore

/// What is known of an execution from its events, for showing.
struct ExecutionProgress: Sendable {
    struct Line: Sendable {
        var number: Int
        var parent: Int
        var scope: Int
        var name: String
        var attempt: Int
        var status: String
        var items: Int?
        var startedAt: Timestamp
        var endedAt: Timestamp?
        var note: String?
    }

    private(set) var status = "running"
    private(set) var percent = 0
    private(set) var startedAt: Timestamp?
    private(set) var endedAt: Timestamp?
    /// Tasks that take time, by number.
    private(set) var lines: [Int: Line] = [:]
    private(set) var failures = 0

    /// Nothing more happens by itself.
    var hasEnded: Bool { endedAt != nil || isParked }
    private var isParked = false

    /// The tasks that are shown: those of the document's own list, and the tasks in them that run or have failed.
    var shown: [Line] {
        lines.values.sorted { $0.number < $1.number }.filter { $0.parent == 0 || $0.endedAt == nil }
    }

    /// Iterations of a loop of which something has ended and nothing runs.
    func itemsDone(of loop: Line) -> Int {
        let inside = lines.values.filter { $0.parent == loop.number }
        return Set(inside.filter { $0.endedAt != nil }.map(\.scope))
            .subtracting(inside.filter { $0.endedAt == nil }.map(\.scope)).count
    }

    /// How far inside other tasks a task lies.
    func depth(of line: Line) -> Int {
        var depth = 0
        var parent = line.parent
        while let next = lines[parent] {
            depth += 1
            parent = next.parent
        }
        return depth
    }

    /// Takes an event in.
    /// - Returns: What it says as a sentence for a log, if it says something new.
    mutating func take(_ event: ExecutionEvent) -> String? {
        status = event.data["status"]?.stringValue ?? status
        percent = max(percent, Int(event.data["progress"]?.integerValue ?? 0))
        if event.type.hasPrefix("execution.") { return takeExecution(event) }
        guard let number = event.data["task"]?.integerValue.map(Int.init) else { return nil }
        switch event.type {
        case "task.started": return start(number, event)
        case "task.retried": return retry(number, event)
        case "task.waiting": return park(number, event)
        case "task.compensated": return "\(path(of: number, in: event)) undone"
        case "task.compensation_failed":
            return "\(path(of: number, in: event)) not undone: \(Self.fault(in: event) ?? "no reason")"
        case "approval.requested":
            isParked = true
            return "\(path(of: number, in: event)) waits for a person's answer"
        case "task.completed", "task.faulted", "task.cancelled": return end(number, event)
        default: return nil
        }
    }

    private mutating func takeExecution(_ event: ExecutionEvent) -> String? {
        switch event.type {
        case "execution.started":
            startedAt = event.time
            return nil
        case "execution.completed", "execution.faulted", "execution.cancelled":
            endedAt = event.time
            let reason = event.data["reason"]?.stringValue.map { " (\($0))" } ?? ""
            return "execution \(status)\(reason)" + (Self.fault(in: event).map { ": \($0)" } ?? "")
        case "execution.compensating":
            let count = event.data["tasks"]?.integerValue ?? 0
            return "undoing what \(count == 1 ? "one task has" : "\(count) tasks have") done"
                + (Self.fault(in: event).map { ", because of \($0)" } ?? "")
        default:
            return nil
        }
    }

    private mutating func start(_ number: Int, _ event: ExecutionEvent) -> String? {
        let line = Line(
            number: number, parent: Int(event.data["parent"]?.integerValue ?? 0),
            scope: Int(event.data["scope"]?.integerValue ?? 0), name: event.data["name"]?.stringValue ?? "",
            attempt: Int(event.data["attempt"]?.integerValue ?? 1), status: "running",
            items: event.data["items"]?.integerValue.map(Int.init), startedAt: event.time)
        lines[number] = line
        if let items = line.items { return "\(path(of: line)) started, \(items) items" }
        return nil
    }

    private mutating func retry(_ number: Int, _ event: ExecutionEvent) -> String? {
        failures += 1
        lines[number]?.attempt += 1
        lines[number]?.note = Self.fault(in: event)
        guard let line = lines[number] else { return nil }
        return "\(path(of: line)) failed (\(line.note ?? "no reason")); trying again"
    }

    private mutating func park(_ number: Int, _ event: ExecutionEvent) -> String? {
        isParked = true
        let name = event.data["name"]?.stringValue ?? ""
        return "\(name) waits for a person: nobody knows whether it happened before the process ended"
    }

    private mutating func end(_ number: Int, _ event: ExecutionEvent) -> String? {
        guard var line = lines[number] else { return nil }
        line.endedAt = event.time
        line.status = String(event.type.dropFirst("task.".count))
        line.note = Self.fault(in: event)
        lines[number] = line
        let time = (event.time - line.startedAt).seconds.formatted(fractionDigits: 2)
        return "\(path(of: line)) \(line.status) in \(time) s" + (line.note.map { ": \($0)" } ?? "")
    }

    /// Names from the outermost task to this one, with the places in loops.
    private func path(of line: Line) -> String {
        guard let parent = lines[line.parent] else { return line.name }
        let place = parent.items == nil ? "" : "[\(line.scope)]"
        return "\(path(of: parent))\(place) › \(line.name)"
    }

    /// Also of a task that is not shown, such as a `do`.
    private func path(of number: Int, in event: ExecutionEvent) -> String {
        lines[number].map { path(of: $0) } ?? event.data["name"]?.stringValue ?? ""
    }

    private static func fault(in event: ExecutionEvent) -> String? {
        guard let error = event.data["error"] else { return nil }
        let title = error["title"]?.stringValue ?? error["type"]?.stringValue ?? ""
        return error["detail"]?.stringValue.map { "\(title): \($0)" } ?? title
    }
}

extension Double {
    /// Decimal text with exactly so many digits behind the point.
    func formatted(fractionDigits digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let whole = (magnitude * scale).rounded()
        guard whole < 1e15 else { return String(self) }
        let number = Int64(whole)
        let fraction = String(number % Int64(scale))
        let sign = self < 0 && number > 0 ? "-" : ""
        return "\(sign)\(number / Int64(scale))"
            + (digits > 0 ? "." + String(repeating: "0", count: digits - fraction.count) + fraction : "")
    }
}
