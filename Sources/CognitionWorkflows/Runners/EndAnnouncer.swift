import CognitionCore
import Synchronization

/// Tells waiters of this process that an execution has ended here; what ends elsewhere they find by asking now and then.
final class EndAnnouncer: Sendable {
    struct Ticket: Sendable {
        fileprivate let number: Int
        fileprivate let id: ExecutionID
        fileprivate let alarm: Alarm
    }

    private struct State {
        var alarms: [ExecutionID: [Int: Alarm]] = [:]
        var nextNumber = 0
    }

    private let state = Mutex(State())

    /// Taken before the status is read, so that an end in between is not missed.
    func ticket(for id: ExecutionID) -> Ticket {
        state.withLock { state in
            state.nextNumber += 1
            let ticket = Ticket(number: state.nextNumber, id: id, alarm: Alarm())
            state.alarms[id, default: [:]][ticket.number] = ticket.alarm
            return ticket
        }
    }

    func drop(_ ticket: Ticket) {
        state.withLock { state in
            state.alarms[ticket.id]?[ticket.number] = nil
            if state.alarms[ticket.id]?.isEmpty == true { state.alarms[ticket.id] = nil }
        }
    }

    func wait(_ ticket: Ticket, atMost duration: Duration) async { await ticket.alarm.wait(atMost: duration) }

    func announce(_ id: ExecutionID) {
        let alarms = state.withLock { $0.alarms[id].map { Array($0.values) } ?? [] }
        for alarm in alarms { alarm.ring() }
    }
}
