import CognitionCore

/// A place inside a document: a chain of steps towards the root, so that going one step down costs one allocation.
final class Place: Sendable {
    private let parent: Place?
    private let step: JSONPathStep?

    static let root = Place()

    private init() {
        parent = nil
        step = nil
    }

    init(_ parent: Place, _ step: JSONPathStep) {
        self.parent = parent
        self.step = step
    }

    var pointer: JSONPointer {
        var tokens: [String] = []
        var place = self
        while let step = place.step, let parent = place.parent {
            switch step {
            case .member(let name): tokens.append(name)
            case .element(let index): tokens.append(String(index))
            }
            place = parent
        }
        return JSONPointer(tokens: tokens.reversed())
    }
}

/// A value of a document, and where it is.
struct DocumentNode {
    let value: JSONValue
    let place: Place

    /// The member or element that a pointer's token names.
    func child(_ token: String) -> DocumentNode? {
        switch value {
        case .object(let object):
            object[token].map { DocumentNode(value: $0, place: Place(place, .member(token))) }
        case .array(let elements):
            JSONPointer.index(token).flatMap { index in
                elements.indices.contains(index)
                    ? DocumentNode(value: elements[index], place: Place(place, .element(index))) : nil
            }
        default: nil
        }
    }

    /// The part at a pointer, or the last one on the way to it that is there.
    func descendant(_ pointer: JSONPointer) -> DocumentNode {
        var node = self
        for token in pointer.tokens {
            guard let next = node.child(token) else { break }
            node = next
        }
        return node
    }
}

/// An object of a document.
struct Fields {
    let node: DocumentNode
    let object: JSONObject

    subscript(name: String) -> DocumentNode? {
        object[name].map { DocumentNode(value: $0, place: Place(node.place, .member(name))) }
    }

    /// The place of a member, whether it is there or not.
    func place(of name: String) -> Place { Place(node.place, .member(name)) }

    /// All members in the order they are written.
    var members: [(name: String, node: DocumentNode)] {
        object.map { ($0.key, DocumentNode(value: $0.value, place: Place(node.place, .member($0.key)))) }
    }
}
