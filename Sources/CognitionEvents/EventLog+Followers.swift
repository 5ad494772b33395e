import CognitionCore
import CognitionStorage

/// Whoever follows the log: a subscription, or a generation of a projection that is wanted.
package struct Follower: Sendable, Hashable {
    /// That of the subscription; `projection.NAME`, and `projection.NAME.rebuild` for the generation that is made.
    package let name: String
    /// Everything up to here is handled.
    package let position: Int64
    /// Why it stands still until it is resumed.
    package let failure: SubscriptionState.Failure?
    /// Nobody reads what it makes yet, so that it may be far behind.
    package let isRebuild: Bool
}

extension EventLog {
    /// All followers by name, at most 1,000; generations that wait for their deletion are none.
    package func followers() async throws -> [Follower] {
        try await database.read { tx in
            var generations: [String: (name: String, isRebuild: Bool)] = [:]
            for row in try ProjectionStore.list(in: tx) {
                for number in row.generations {
                    let isRebuild = number != row.live
                    generations[ProjectionStore.subscription(of: row.name, generation: number)] = (
                        ProjectionStore.label(of: row.name, isRebuild: isRebuild), isRebuild
                    )
                }
            }
            return try SubscriptionStore.list(in: tx).compactMap { state in
                let generation = generations[state.name]
                guard generation != nil || !state.name.hasPrefix(ProjectionStore.subscriptionPrefix) else { return nil }
                return Follower(
                    name: generation?.name ?? state.name, position: state.position, failure: state.failure,
                    isRebuild: generation?.isRebuild ?? false)
            }
        }
    }
}
