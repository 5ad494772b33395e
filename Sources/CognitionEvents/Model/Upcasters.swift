package import CognitionCore

/// How the data of an older version of an event's type is told in the next one.
package struct Upcaster: Sendable {
    package let type: String
    /// The version that it takes; what it makes is one more.
    package let from: Int
    let change: @Sendable (JSONValue) throws -> JSONValue

    /// - Parameter change: Free of effects; the same data always makes the same.
    package init(_ type: String, from version: Int, _ change: @escaping @Sendable (JSONValue) throws -> JSONValue) {
        self.type = type
        from = version
        self.change = change
    }
}

/// All upcasters of a program: whoever reads through them sees events of the newest versions only. What is stored stays as
/// it is.
package struct Upcasters: Sendable {
    package static let none = Upcasters(chains: [:])

    /// By type: from its first version that is still read, one step after the other.
    private let chains: [String: [Upcaster]]

    private init(chains: [String: [Upcaster]]) { self.chains = chains }

    /// - Throws: `event.invalid` when two take the same version of a type, or one between others is missing.
    package init(_ upcasters: [Upcaster]) throws(EventError) {
        var chains = Dictionary(grouping: upcasters, by: \.type)
        for (type, unsorted) in chains {
            let chain = unsorted.sorted { $0.from < $1.from }
            for (step, next) in zip(chain, chain.dropFirst()) where next.from != step.from + 1 {
                throw EventError(
                    .eventInvalid,
                    next.from == step.from
                        ? "two upcasters take version \(step.from) of \(type)"
                        : "no upcaster takes version \(step.from + 1) of \(type)")
            }
            chains[type] = chain
        }
        self.chains = chains
    }

    /// The event as the newest version of its type has it; one of a type without upcasters as it is.
    ///
    /// - Throws: `event.upcast_failed` when a step fails, the version is older than any that is taken, or newer than any
    ///   that is known.
    package func upcast(_ event: Event) throws(EventError) -> Event {
        guard let chain = chains[event.type], let first = chain.first, let last = chain.last else { return event }
        guard (first.from...last.from + 1).contains(event.typeVersion) else {
            throw Self.failure(event, "versions \(first.from) to \(last.from + 1) are known")
        }
        var data = event.data
        for step in chain where step.from >= event.typeVersion {
            do {
                data = try step.change(data)
            } catch {
                throw Self.failure(event, "its upcaster from version \(step.from) fails: \(error)", cause: error)
            }
        }
        return event.with(data: data, typeVersion: last.from + 1)
    }

    private static func failure(_ event: Event, _ why: String, cause: (any Error)? = nil) -> EventError {
        EventError(
            .upcastFailed, "the \(event.type) of version \(event.typeVersion) at position \(event.position): \(why)",
            position: event.position, cause: cause)
    }
}
