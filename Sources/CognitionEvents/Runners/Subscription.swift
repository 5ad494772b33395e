package import CognitionCore

/// A reader of the log whose place is kept, so that it continues after a restart where it stopped.
package struct Subscription: Sendable, Hashable {
    package enum Start: Sendable, Hashable {
        /// With the first event there ever was.
        case beginning
        /// With the first event after the subscription was made.
        case end
        /// Where its row says, which somebody else makes and takes away.
        case existing
    }

    /// `[a-z0-9][a-z0-9_.-]{0,62}`; unique in the database.
    package let name: String
    package let filter: EventFilter
    /// Where it starts the first time; later its stored place counts.
    package let start: Start
    /// Events handled in one transaction; 1...1,000.
    package let batchMax: Int

    package init(
        _ name: String, filter: EventFilter = .all, startAt start: Start = .beginning, batchMax: Int = 256
    ) throws(EventError) {
        guard Self.isName(name) else {
            throw EventError(.eventInvalid, "a subscription's name matches [a-z0-9][a-z0-9_.-]{0,62}")
        }
        guard (1...EventReader.limitMax).contains(batchMax) else {
            throw EventError(.eventInvalid, "a batch has 1 to \(EventReader.limitMax) events, not \(batchMax)")
        }
        try filter.check()
        self.name = name
        self.filter = filter
        self.start = start
        self.batchMax = batchMax
    }

    private static func isName(_ name: String) -> Bool {
        guard (1...63).contains(name.utf8.count) else { return false }
        return name.utf8.enumerated().allSatisfy { place, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"): place > 0
            default: false
            }
        }
    }
}

/// Where a subscription is.
package struct SubscriptionState: Sendable, Hashable {
    package let name: String
    /// Everything up to here is handled.
    package let position: Int64
    package let updatedAt: Timestamp
    /// Why it stands still until it is resumed.
    package let failure: Failure?

    package struct Failure: Sendable, Hashable {
        /// For people; starts with the error's code where it has one.
        package let error: String
        package let time: Timestamp
        /// The event that could not be handled.
        package let position: Int64
    }
}
