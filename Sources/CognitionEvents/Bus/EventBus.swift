import CognitionCore

/// Carries events to other systems, and theirs to us: a broker such as RabbitMQ.
///
/// It is never the truth. What it has to carry stands in the log, and is handed over again until it has been confirmed.
package protocol EventBus: Sendable {
    /// What names it in metrics, in health and in the database, e.g. `rabbitmq`.
    var name: String { get }

    /// How the connection to the broker is.
    var connection: BusConnection { get }

    /// Makes sure that the broker can be reached; without effect when it can.
    /// - Throws: `bus.unavailable`, `bus.refused`.
    func connect() async throws

    /// Hands messages over in their order, and returns when the broker has taken all of them into its care.
    ///
    /// - Throws: `bus.unavailable`, `bus.refused`; then it may have taken any of them. `CancellationError`, likewise.
    func publish(_ messages: [BusMessage]) async throws

    /// Lets go of the connection, and of why there is none; it is ``BusConnection/unused`` until somebody connects.
    func release() async
}

/// How a connection to a broker is.
package enum BusConnection: Sendable, Hashable {
    /// Nobody has needed it yet.
    case unused
    case open
    /// The broker takes nothing at the moment, for want of memory or disk space.
    case blocked
    /// It was lost or refused, for this reason.
    case down(EventBusFailure)
}

/// Why a broker cannot be reached, without what belongs in no log.
package struct EventBusFailure: Sendable, Hashable {
    package let code: String
    package let message: String

    package init(_ error: EventError) {
        code = error.code.name
        message = error.message
    }
}

extension EventError {
    /// Only somebody who changes settings of the server or of the broker mends it.
    package var isOfBusSettings: Bool { code == .busRefused }
}
