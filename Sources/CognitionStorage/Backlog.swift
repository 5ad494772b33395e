/// What waits in line, first come, first served. Places are freed as they are taken, so a long line costs no copying.
struct Backlog<Element> {
    private var places: [Element?] = []
    private var head = 0

    var count: Int { places.count - head }
    var first: Element? { head < places.count ? places[head] : nil }

    mutating func append(_ element: Element) { places.append(element) }

    mutating func popFirst() -> Element? {
        guard head < places.count else { return nil }
        let element = places[head]
        // Whoever was taken may be large and is not kept alive by its old place.
        places[head] = nil
        head += 1
        if head == places.count {
            places.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 1_024 {
            places.removeFirst(head)
            head = 0
        }
        return element
    }
}
