/// A piece of a list.
package struct Page<Item: Sendable>: Sendable {
    package let items: [Item]
    /// Where the next piece starts; `nil` when nothing follows.
    package let next: Int64?

    /// Makes the page out of items of which one more than wanted was looked for.
    init(_ found: [(key: Int64, item: Item)], limit: Int) {
        items = found.prefix(limit).map(\.item)
        next = found.count > limit ? found[limit - 1].key : nil
    }
}

/// Which piece of a list is wanted.
package struct PageRequest: Sendable, Hashable {
    package static let limitMax = 200

    /// The `next` of the piece before; `nil` for the first.
    package let after: Int64?
    /// 1...200; what is beyond is brought back into it.
    package let limit: Int

    package init(after: Int64? = nil, limit: Int = 50) {
        self.after = after
        self.limit = min(max(limit, 1), Self.limitMax)
    }
}

extension Page {
    func map<Other>(_ transform: (Item) -> Other) -> Page<Other> {
        Page<Other>(items: items.map(transform), next: next)
    }

    private init(items: [Item], next: Int64?) {
        self.items = items
        self.next = next
    }
}
