import Synchronization

/// How far the server has come in its life; it only goes forward.
package final class HealthState: Sendable {
    package enum Phase: UInt8, Sendable, Hashable, CaseIterable, Comparable {
        case starting
        /// Brings the database up to date.
        case migrating
        /// Takes requests.
        case ready
        /// Finishes what it holds and takes nothing new.
        case draining

        /// As it is told to others.
        package var name: String { "\(self)" }

        package static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
    }

    private let reached = Atomic<UInt8>(Phase.starting.rawValue)

    package init() {}

    package var phase: Phase { Phase(rawValue: reached.load(ordering: .acquiring)) ?? .draining }

    /// Whether requests should be sent here.
    package var isReady: Bool { phase == .ready }

    /// Goes on to `phase`; one that lies behind changes nothing, so that a server that drains does not become ready
    /// because its start ended only now.
    package func advance(to phase: Phase) { reached.max(phase.rawValue, ordering: .releasing) }
}
