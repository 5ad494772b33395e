import CognitionCore
import CognitionExpressions

/// What a strategy has accepted so far, in its order.
struct Listening: Sendable {
    struct Accepted: Sendable {
        let message: Int64
        let event: CloudEvent
        /// Place of its filter among ``EventStrategy/allFilters``; -1 where there are none.
        let filter: Int
        /// It was sent to the execution, and goes back to it if the task ends without it.
        let isSignal: Bool
    }

    var accepted: [Accepted] = []
    /// The accepted event that is consumed next.
    var next = 0
    /// How many were begun to be consumed.
    var begun = 0
    /// What the consumed events gave; those that only say stop give nothing.
    var outputs: [JSONValue] = []
    /// Correlation values that the first events have set.
    var expected: [String: JSONValue] = [:]
}

extension EventStrategy {
    /// The filter that takes an event: the first that matches and still wants one; -1 for any event at all.
    ///
    /// - Parameters:
    ///   - input: What `expect` of a correlation is evaluated on.
    ///   - scope: The variables of all its expressions.
    func acceptingFilter(
        for event: CloudEvent, _ listening: Listening, input: JSONValue, scope: some VariableScope
    ) throws -> Int? {
        let taken = Set(listening.accepted.map(\.filter))
        func first(_ places: Range<Int>, once: Bool) throws -> Int? {
            try places.first { place in
                try !(once && taken.contains(place))
                    && allFilters[place].matches(event, listening, input: input, scope: scope)
            }
        }
        let own = filters.indices
        switch mode {
        case .one, .all: return try first(own, once: true)
        case .any(until: .first):
            guard listening.accepted.isEmpty else { return nil }
        case .any(until: .condition): break
        case .any(until: .events(let until)):
            if let stop = try first(own.upperBound..<own.upperBound + until.filters.count, once: true) { return stop }
        }
        return own.isEmpty ? -1 : try first(own, once: false)
    }

    /// Whether everything that was waited for is there, after the consumption of `item`.
    func isComplete(
        after item: Listening.Accepted, _ listening: Listening, scope: some VariableScope
    ) throws -> Bool {
        let consumed = Set(listening.accepted.prefix(listening.next).map(\.filter))
        switch mode {
        case .one, .any(until: .first): return true
        case .all: return consumed.count == filters.count
        case .any(until: .condition(let condition)):
            return try item.filter < max(filters.count, 1)
                && condition.isTrue(.array(listening.outputs), scope: scope)
        case .any(until: .events(let until)):
            guard item.filter >= filters.count else { return false }
            guard case .all = until.mode else { return true }
            return consumed.count { $0 >= filters.count } == until.filters.count
        }
    }

    /// The correlation values of an event that a filter has taken.
    func correlationValues(
        of event: CloudEvent, takenBy filter: Int, scope: some VariableScope
    ) throws -> [(name: String, value: JSONValue)] {
        guard filter >= 0 else { return [] }
        return try allFilters[filter].correlations.map { correlation in
            (name: correlation.name, value: try correlation.from.first(.object(event.json), scope: scope))
        }
    }

    /// What leads events to whoever listens with it.
    func listenerKeys(input: JSONValue, scope: some VariableScope) throws -> Set<Listener.Key> {
        if filters.isEmpty { return [Listener.Key(type: nil, correlation: nil, expected: nil)] }
        return Set(
            try allFilters.map { filter in
                guard let index = filter.index, let expect = index.expect else {
                    return Listener.Key(type: filter.type, correlation: nil, expected: nil)
                }
                let expected = try expect.evaluate(input, scope: scope)
                return Listener.Key(
                    type: filter.type, correlation: index.from.source,
                    expected: SHA256Digest(of: expected.canonicalJSON))
            })
    }
}

extension EventFilterDefinition {
    fileprivate func matches(
        _ event: CloudEvent, _ listening: Listening, input: JSONValue, scope: some VariableScope
    ) throws -> Bool {
        let isMatch = try attributes.allSatisfy { name, attribute in
            guard let value = event.json[name] else { return false }
            switch attribute {
            case .equals(let expected): return value == expected
            case .pattern(let text, let pattern):
                guard let string = value.stringValue else { return false }
                return try string == text || pattern.matches(string)
            case .expression(let template):
                let result = try template.evaluate(value, scope: scope)
                if case .bool(let verdict) = result { return verdict }
                return result == value
            }
        }
        guard isMatch else { return false }
        return try correlations.allSatisfy { correlation in
            let value = try correlation.from.first(.object(event.json), scope: scope)
            if let expect = correlation.expect { return try expect.evaluate(input, scope: scope) == value }
            return listening.expected[correlation.name].map { $0 == value } ?? true
        }
    }
}
