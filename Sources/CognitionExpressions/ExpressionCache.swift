import Synchronization

/// Compiled expressions by source and variable names, so that a caller that meets the same text again need not compile it.
///
/// Bounded: at `capacity` entries the half that was compiled first is dropped. Faults are not cached.
package final class ExpressionCache: Sendable {
    private struct Key: Hashable {
        let source: String
        let variables: [String]
    }

    private struct State {
        var current: [Key: Expression] = [:]
        var previous: [Key: Expression] = [:]

        mutating func find(_ key: Key, _ generationMax: Int) -> Expression? {
            if let found = current[key] { return found }
            guard let found = previous.removeValue(forKey: key) else { return nil }
            insert(found, key, generationMax)
            return found
        }

        mutating func insert(_ expression: Expression, _ key: Key, _ generationMax: Int) {
            if current.count >= generationMax {
                previous = current
                current = [:]
            }
            current[key] = expression
        }
    }

    private let state = Mutex(State())
    private let generationMax: Int

    package init(capacity: Int = 4_096) {
        generationMax = max(1, capacity / 2)
    }

    /// The expression, compiled now or before.
    package func expression(_ source: String, variables: [String] = []) throws(ExpressionError) -> Expression {
        let key = Key(source: source, variables: variables)
        if let known = state.withLock({ $0.find(key, generationMax) }) { return known }
        let compiled = try Expression(source, variables: variables)
        state.withLock { $0.insert(compiled, key, generationMax) }
        return compiled
    }

    package var count: Int { state.withLock { $0.current.count + $0.previous.count } }
}
