package import CognitionCore

/// Which event has set each value of a ``MergedState``.
package struct Provenance: Sendable {
    /// A value, by its place in the state, and the event that it comes from.
    package struct Origin: Sendable {
        package let pointer: JSONPointer
        package let event: Event
    }

    /// The state, with events in the place of values.
    private indirect enum Node: Sendable {
        case value(Event)
        /// An object, and the event that has made it.
        case object([String: Node], Event)

        func merged(with patch: JSONValue, of event: Event) -> Node {
            guard case .object(let changes) = patch else { return .value(event) }
            var (members, maker): ([String: Node], Event) =
                if case .object(let members, let maker) = self { (members, maker) } else { ([:], event) }
            for (name, change) in changes {
                members[name] = change.isNull ? nil : (members[name] ?? .value(event)).merged(with: change, of: event)
            }
            return .object(members, maker)
        }
    }

    /// `nil` before the first event.
    private var root: Node?

    package init() {}

    package mutating func apply(_ event: Event) {
        guard case .object = event.data else { return }
        root = (root ?? .object([:], event)).merged(with: event.data, of: event)
    }

    /// Of every value that is no object, and of every empty object, sorted by place.
    package var origins: [Origin] {
        var origins: [Origin] = []
        func collect(_ node: Node, at place: JSONPointer) {
            switch node {
            case .value(let event): origins.append(Origin(pointer: place, event: event))
            case .object(let members, let maker):
                if members.isEmpty, !place.isRoot { origins.append(Origin(pointer: place, event: maker)) }
                for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                    collect(member, at: place.appending(name))
                }
            }
        }
        if let root { collect(root, at: .root) }
        return origins
    }
}
