import CognitionCore

/// A page as the database has it, and the files with what may be missing in it.
struct LogWindow: Sendable {
    /// What the rows of the log are.
    let page: EventPage
    /// What was looked through; `nil` for nothing.
    let positions: ClosedRange<Int64>?
    let filter: EventFilter
    let direction: ReadDirection
    let limit: Int
    /// The head of the log, or backward the first position that matters.
    let last: Int64
    let files: [ArchivedRange]

    /// The page, where nothing of it lies in a file.
    /// - Throws: `event.archived`.
    var complete: EventPage {
        get throws(EventError) {
            guard let file = files.first else { return page }
            throw EventError.archived(file)
        }
    }

    /// - Parameter end: The last position that was looked through.
    func page(_ events: [Event], upTo end: Int64) -> EventPage {
        EventPage(
            events: events, position: end, head: page.head,
            isAtEnd: direction == .forward ? end == last : end <= last)
    }
}

/// The same of one stream: where events are missing at the end at which older ones lie, they are in the files.
struct StreamWindow: Sendable {
    let page: StreamPage
    let stream: StreamName
    let workspace: WorkspaceID
    let direction: ReadDirection
    let limit: Int
    /// Versions that the rows do not have; `nil` for none.
    let missing: ClosedRange<Int64>?
    let files: [ArchivedRange]

    /// The page, where nothing of it lies in a file.
    /// - Throws: `event.archived`.
    var complete: StreamPage {
        get throws(EventError) {
            guard let file = files.first else { return page }
            throw EventError.archived(file)
        }
    }
}

extension EventError {
    static func archived(_ range: ArchivedRange) -> EventError {
        EventError(
            .eventArchived,
            "events at positions \(range.firstPosition) to \(range.lastPosition) are in the archive \(range.name), which is not at hand here; the node that has it can read them"
        )
    }
}
