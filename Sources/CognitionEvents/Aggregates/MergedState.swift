package import CognitionCore

/// The state of any stream whose events tell what has changed: the data of each is a merge patch (RFC 7396), so a member
/// that is null is taken away. Data that is no object counts for nothing.
package struct MergedState: Aggregate {
    /// It folds streams of every type; this is the name of its snapshots.
    package static let streamType = "merged"
    package static let foldVersion = 1

    package private(set) var value: JSONValue = [:]

    package init() {}

    package mutating func apply(_ event: Event) {
        guard case .object = event.data else { return }
        value = value.merged(with: event.data)
    }

    package var snapshot: JSONValue { value }

    package init?(snapshot: JSONValue) {
        guard case .object = snapshot else { return nil }
        value = snapshot
    }
}
