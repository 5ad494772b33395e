import Synchronization

extension WorkflowEngine {
    /// How an engine is doing, and how much it has in hand.
    package struct Load: Sendable, Hashable {
        /// It has begun, and has not begun to end.
        package var isRunning: Bool
        /// Its last look at the database has failed.
        package var isFailing: Bool
        package var executions: Int
        package var executionsMax: Int
        package var effectsRunning: Int
        package var effectsWaiting: Int
    }

    package var load: Load {
        let effects = effects.load
        return members.withLock { members in
            Load(
                isRunning: members.isRunning && !members.isClosing, isFailing: members.isFailing,
                executions: members.live.count, executionsMax: settings.executionsMax,
                effectsRunning: effects.running, effectsWaiting: effects.waiting)
        }
    }
}
