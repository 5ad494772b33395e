package import Logging
import Synchronization

/// The least severe lines that are written, the same for every logger of the process; changes while it runs.
package final class LogLevels: Sendable {
    private let rank: Atomic<Int>

    package init(_ level: Logger.Level) { rank = Atomic(Self.rank(of: level)) }

    package var current: Logger.Level {
        get { Logger.Level.allCases[rank.load(ordering: .relaxed)] }
        set { rank.store(Self.rank(of: newValue), ordering: .relaxed) }
    }

    private static func rank(of level: Logger.Level) -> Int { Logger.Level.allCases.firstIndex(of: level) ?? 0 }
}
