package import CognitionCore

/// What the events of one stream add up to: the state that decisions are made by.
///
/// ```swift
/// struct Account: Aggregate {
///     static let streamType = "account"
///     static let foldVersion = 1
///     var balance: Int64 = 0
///
///     init() {}
///     mutating func apply(_ event: Event) { balance += event.data["amount"]?.integerValue ?? 0 }
///
///     var snapshot: JSONValue { .integer(balance) }
///     init?(snapshot: JSONValue) {
///         guard let balance = snapshot.integerValue else { return nil }
///         self.balance = balance
///     }
/// }
///
/// let accounts = Aggregates<Account>(log)
/// try await accounts.update("17", context: context) { account in
///     guard account.balance >= 50 else { throw NotEnough() }
///     return [NewEvent("account.withdrawn", data: ["amount": -50])]
/// }
/// ```
package protocol Aggregate: Sendable {
    /// Of the streams whose events it is made of.
    static var streamType: String { get }
    /// Counted up whenever ``apply(_:)`` comes to another state for the same events: snapshots of before are let go.
    static var foldVersion: Int { get }

    /// Before the first event.
    init()
    /// Takes in the stream's next event; the same events always make the same state.
    mutating func apply(_ event: Event) throws

    /// All of the state, so that it need not be folded again.
    var snapshot: JSONValue { get }
    /// - Returns: `nil` for one that it cannot go on from.
    init?(snapshot: JSONValue)
}

/// An aggregate as it was at a version of its stream.
package struct Folded<State: Aggregate>: Sendable {
    package let state: State
    /// 0 before the first event.
    package let version: Int64
}

/// When a state is kept so that the next reader need not fold it again.
package struct SnapshotPolicy: Sendable, Hashable {
    /// Events that were folded since the last snapshot.
    package var events: Int
    /// How long that took.
    package var duration: Duration

    package init(events: Int = 200, duration: Duration = .milliseconds(20)) {
        self.events = events
        self.duration = duration
    }
}
