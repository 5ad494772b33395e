import CognitionCore
import CognitionWorkflows

/// Turns what tasks are writing into lines for a terminal or a pipe: each text under the name of its task.
struct TokenText: Sendable {
    /// The text whose line is open: its task and attempt.
    private var open: (task: Int, attempt: Int)?
    private var isAtLineStart = true
    /// Where each text was left, in bytes.
    private var places: [Int: (attempt: Int, end: Int)] = [:]

    /// - Returns: What is to be written, as it is.
    mutating func take(_ update: TokenUpdate) -> String {
        switch update.change {
        case .reset(let reason):
            places[update.task] = nil
            return close() + "── \(plain(update.name)): void, as \(plain(reason))\n"
        case .text(let text, let offset):
            let known = places[update.task]
            let end = known?.attempt == update.attempt ? known?.end ?? 0 : 0
            places[update.task] = (update.attempt, offset + text.utf8.count)
            var result = ""
            if open?.task != update.task || open?.attempt != update.attempt || offset < end {
                let attempt = update.attempt > 1 ? ", attempt \(update.attempt)" : ""
                result += close() + "── \(plain(update.name))\(attempt)\n"
                open = (update.task, update.attempt)
            }
            if offset > end { result += " […] " }
            let shown = plain(text)
            if let last = shown.last { isAtLineStart = last == "\n" }
            return result + shown
        }
    }

    /// Ends the open line, so that something else can be written.
    mutating func close() -> String {
        defer {
            open = nil
            isAtLineStart = true
        }
        return isAtLineStart ? "" : "\n"
    }

    /// Without characters that steer a terminal.
    private func plain(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars
        where scalar == "\n" || scalar == "\t" || scalar.properties.generalCategory != .control {
            result.append(scalar)
        }
        return String(result)
    }
}
