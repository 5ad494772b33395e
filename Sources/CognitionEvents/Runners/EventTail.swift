import CognitionStorage

/// The events of the log as they come, without an end: first those that are there, then each new one.
///
/// The reader pulls: the next page is read when it has taken the last event of the one before, so a slow reader costs
/// one page of memory and nothing is lost. Its place is not stored; a reader that comes again says where it was.
/// Iteration ends when the task is cancelled.
package struct EventTail: AsyncSequence, Sendable {
    package typealias Element = Event

    let log: EventLog
    /// `nil`: the end at the first pull.
    package let position: Int64?
    package let filter: EventFilter
    /// 1...1,000
    let pageMax: Int
    let clock: any Clock<Duration>
    let polling: Duration

    package func makeAsyncIterator() -> Iterator { Iterator(tail: self, position: position) }

    package struct Iterator: AsyncIteratorProtocol {
        fileprivate let tail: EventTail
        fileprivate var position: Int64?
        private var page: [Event] = []
        private var taken = 0

        fileprivate init(tail: EventTail, position: Int64?) {
            self.tail = tail
            self.position = position
        }

        /// - Throws: `StorageError`, after which the iteration may be continued with the same iterator.
        package mutating func next() async throws -> Event? {
            while taken == page.count {
                guard !Task.isCancelled else { return nil }
                try await readPage()
            }
            defer { taken += 1 }
            return page[taken]
        }

        /// The next event, or `nil` when none has come within `timeout` or the task is cancelled.
        package mutating func next(within timeout: Duration) async throws -> Event? {
            let deadline = ContinuousClock.now + timeout
            while taken == page.count {
                let left = deadline - .now
                guard left > .zero, !Task.isCancelled else { return nil }
                try await readPage(waitingAtMost: left)
            }
            defer { taken += 1 }
            return page[taken]
        }

        private mutating func readPage(waitingAtMost limit: Duration = .seconds(3_600)) async throws {
            let tail = tail
            let start: Int64
            if let position {
                start = position
            } else {
                start = try await tail.log.head()
                position = start
            }
            // Before the page is read, so that what comes right after it is not missed.
            let wakeUps = tail.log.database.signals.wakeUps(for: .log)
            let next = try await tail.log.readAll(after: start, limit: tail.pageMax, filter: tail.filter)
            page = next.events
            taken = 0
            position = next.position
            guard next.events.isEmpty, next.isAtEnd else { return }
            await wait(for: wakeUps, atMost: Swift.min(tail.polling, limit), on: tail.clock)
        }
    }
}
