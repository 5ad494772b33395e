/// Which of the messages that were sent the broker still has to confirm.
struct ConfirmTracker {
    private var outstanding: Set<UInt64> = []
    private var last: UInt64 = 0
    /// The broker could not take one of them into its care.
    private(set) var hasRefusal = false

    var isEmpty: Bool { outstanding.isEmpty }

    /// The next message is on its way; they are counted on both sides, from 1.
    mutating func sent() {
        last += 1
        outstanding.insert(last)
    }

    /// - Parameter isMultiple: All up to `tag` are meant.
    mutating func settle(_ tag: UInt64, isMultiple: Bool, isConfirmed: Bool) {
        if !isConfirmed { hasRefusal = true }
        if isMultiple {
            outstanding = outstanding.filter { $0 > tag }
        } else {
            outstanding.remove(tag)
        }
    }
}
