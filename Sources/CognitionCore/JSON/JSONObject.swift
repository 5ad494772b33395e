import OrderedCollections

/// The members of a JSON object in the order they were written; equality does not look at the order.
package struct JSONObject: Sendable {
    private var members: OrderedDictionary<String, JSONValue>

    package init() { members = [:] }

    /// Of members with the same name the last wins and keeps the place of the first.
    package init(_ pairs: some Sequence<(String, JSONValue)>) {
        members = OrderedDictionary(pairs, uniquingKeysWith: { $1 })
    }

    package init(minimumCapacity: Int) {
        members = OrderedDictionary(minimumCapacity: minimumCapacity)
    }

    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }
    package var keys: [String] { members.keys.elements }
    package var values: [JSONValue] { members.values.elements }

    package subscript(member: String) -> JSONValue? {
        get { members[member] }
        set { members[member] = newValue }
    }

    /// Sets a member and says whether there was one of that name before.
    @discardableResult
    package mutating func updateValue(_ value: JSONValue, forKey member: String) -> JSONValue? {
        members.updateValue(value, forKey: member)
    }

    @discardableResult
    package mutating func removeValue(forKey member: String) -> JSONValue? {
        members.removeValue(forKey: member)
    }

    /// Adds the members of `other`; where both have a name, `other` wins.
    package mutating func merge(_ other: JSONObject) {
        members.merge(other.members, uniquingKeysWith: { $1 })
    }

    /// The same members in the order of their names' Unicode code points, which is jq's order and SQLite's binary one.
    package func sortedByName() -> [(key: String, value: JSONValue)] {
        members.elements.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { ($0.key, $0.value) }
    }
}

extension JSONObject: Sequence {
    package typealias Element = (key: String, value: JSONValue)

    package struct Iterator: IteratorProtocol, Sendable {
        fileprivate var members: OrderedDictionary<String, JSONValue>.Elements.Iterator

        package mutating func next() -> Element? { members.next() }
    }

    package func makeIterator() -> Iterator { Iterator(members: members.elements.makeIterator()) }
    package var underestimatedCount: Int { members.count }
}

extension JSONObject: Hashable {
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.members.allSatisfy { right.members[$0.key] == $0.value }
    }

    package func hash(into hasher: inout Hasher) {
        var mixed = 0
        for (key, value) in members {
            var one = Hasher()
            one.combine(key)
            one.combine(value)
            mixed ^= one.finalize()
        }
        hasher.combine(mixed)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral pairs: (String, JSONValue)...) { self.init(pairs) }
}
