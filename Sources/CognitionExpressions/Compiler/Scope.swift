/// What a name means at a place of the source; the innermost entry wins.
final class Scope {
    enum Entry {
        case variable(String, level: Int, slot: Int)
        /// A variable that evaluation provides; it gets its slot at its first use.
        case provided(String)
        case label(String, level: Int, slot: Int)
        case function(FunctionEntry)
        /// A parameter of a function that is expanded in place: the argument and the scope it is written in.
        case argument(String, Syntax, Scope?)
        /// A filter parameter of a function with a frame.
        case filter(String, level: Int, index: Int)
        /// A `$name` parameter, called without the `$`.
        case valueFilter(String, level: Int, slot: Int)
    }

    let parent: Scope?
    let entry: Entry

    init(_ entry: Entry, in parent: Scope?) {
        self.entry = entry
        self.parent = parent
    }
}

/// A definition at its place.
final class FunctionEntry {
    let definition: FunctionDefinition
    /// The scope around the definition.
    let scope: Scope?
    /// How many functions with frames are around the definition.
    let level: Int
    /// Its number once it is compiled with a frame of its own.
    var index: Int?

    init(_ definition: FunctionDefinition, scope: Scope?, level: Int) {
        self.definition = definition
        self.scope = scope
        self.level = level
    }

    /// The scope of the body, without the parameters: a function can call itself.
    var bodyScope: Scope { Scope(.function(self), in: scope) }
}

/// A function whose body is being compiled.
final class FunctionContext {
    let level: Int
    private(set) var slots = 0

    init(level: Int) { self.level = level }

    func newSlot() -> Int {
        slots += 1
        return slots - 1
    }
}

extension Optional where Wrapped == Scope {
    /// The entries from the innermost outwards.
    var entries: some Sequence<Scope.Entry> {
        sequence(state: self) { (scope: inout Scope?) -> Scope.Entry? in
            defer { scope = scope?.parent }
            return scope?.entry
        }
    }
}
