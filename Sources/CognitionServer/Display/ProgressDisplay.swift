import CognitionCore
import CognitionWorkflows
import Synchronization

/// Shows an execution while it runs: bars on a terminal, plain lines anywhere else.
final class ProgressDisplay: Sendable {
    private struct State {
        var linesDrawn = 0
        var progress = ExecutionProgress()
        var text = TokenText()
    }

    private let isInteractive: Bool
    private let clock: any WallClock
    private let output: Terminal.Stream
    private let state = Mutex(State())

    /// - Parameter output: Where it is shown; standard error when standard output is for the result.
    init(isInteractive: Bool, output: Terminal.Stream = .notes, clock: any WallClock = SystemWallClock()) {
        self.isInteractive = isInteractive
        self.output = output
        self.clock = clock
    }

    /// Follows an execution's events until it has ended or the task is cancelled.
    /// - Parameter tokens: Shows what tasks are writing as well; not together with bars.
    func follow(_ id: ExecutionID, at desk: any ExecutionDesk, tokens: Bool = false) async throws {
        try await desk.follow(id, tokens: tokens ? showText : nil, show)
    }

    @Sendable private func showText(_ update: TokenUpdate) {
        state.withLock { state in write(state.text.take(update)) }
    }

    /// - Returns: Whether more may come.
    @Sendable private func show(_ event: ExecutionEvent) -> Bool {
        state.withLock { state in
            let sentence = state.progress.take(event)
            if isInteractive {
                draw(&state)
            } else if let sentence {
                write(state.text.close() + "\(event.time.clockTime)  \(sentence)\n")
            }
            return !state.progress.hasEnded
        }
    }

    private func draw(_ state: inout State) {
        let progress = state.progress
        let width = 30
        var lines = [
            "\(Self.bar(Double(progress.percent) / 100, width: width)) \(progress.percent) %  \(progress.status)  \(elapsed(since: progress.startedAt, until: progress.endedAt)) s"
        ]
        for line in progress.shown.prefix(20) {
            let indent = String(repeating: "  ", count: progress.depth(of: line) + 1)
            let mark =
                switch line.status {
                case "completed": "✓"
                case "running": "·"
                default: "✗"
                }
            var text = "\(indent)\(mark) \(line.name)"
            if let items = line.items {
                let done = progress.itemsDone(of: line)
                text += "  \(Self.bar(Double(done) / Double(max(1, items)), width: 16)) \(done) of \(items)"
            }
            if line.attempt > 1 { text += "  attempt \(line.attempt)" }
            if let note = line.note { text += "  \(note)" }
            lines.append(text)
        }
        var text = state.linesDrawn > 0 ? "\u{1B}[\(state.linesDrawn)A" : ""
        for line in lines { text += "\r\u{1B}[2K\(line.prefix(110))\n" }
        text += "\u{1B}[J"
        state.linesDrawn = lines.count
        write(text)
    }

    private func elapsed(since start: Timestamp?, until end: Timestamp?) -> String {
        guard let start else { return "0.0" }
        return ((end ?? clock.now) - start).seconds.formatted(fractionDigits: 1)
    }

    private static func bar(_ part: Double, width: Int) -> String {
        let filled = Int((min(1, max(0, part)) * Double(width)).rounded())
        return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    }

    private func write(_ text: String) { Terminal.put(text, to: output) }
}

extension Timestamp {
    /// The time of day in UTC, to the second.
    fileprivate var clockTime: Substring { description.dropFirst(11).prefix(8) }
}
