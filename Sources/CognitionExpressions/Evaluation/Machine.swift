import CognitionCore

/// Says that evaluation leaves what it is in; why, is in `Machine.reason`. Carries nothing, so throwing costs nothing.
struct Unwind: Error {}

/// The state of one evaluation: frames of variables, what may still be used, and why it is being left.
///
/// Used by one thread at a time.
final class Machine {
    enum Reason {
        case none
        /// An error that `try` catches.
        case error(JSONValue)
        /// The activation of `label`, `first` or `limit` with this number is left.
        case stop(Int)
        case limit(String)
        /// The stack is used up: the evaluation must be repeated on a larger one.
        case stackUsedUp
        /// An update in place met what only the general way can do.
        case generalUpdate
    }

    /// A filter that a recursive function was given: its node and the frame of the call.
    struct Closure {
        unowned(unsafe) let node: Node
        let frame: Int
    }

    private struct Frame {
        /// Where its variables and closures begin.
        var values: Int
        var closures: Int
        /// The frame of the definition around this function.
        var parent: Int
    }

    /// A call in tail position, to be done by the call that runs the function which makes it.
    struct TailCall {
        var function: Int
        var parent: Int
        var values: [JSONValue]
        var closures: [Closure]
        var input: JSONValue
        var path: Path?
    }

    let program: Program
    let limits: ExpressionLimits
    var reason = Reason.none
    /// How many errors were caught so far.
    var errorsTaken = 0
    var tailCall: TailCall?
    /// Whether a NaN or an infinity was made, so that outputs and texts must be looked through for them.
    var hasNonFinite = false
    var regexes: [RegexKey: RegularExpression] = [:]

    private var frames: [Frame] = []
    private var values: [JSONValue] = []
    private var closures: [Closure] = []
    private var fuel = 1_024
    private var stepsUsed = 0
    private var bytesLeft: Int
    private var depth = 0
    private var deadline: ContinuousClock.Instant?
    private var lastToken = 0
    private let stackFloor: UInt
    /// How many containers were put into new ones: few of them can make values neither deep nor much larger than they are.
    private var nestings = 0
    private var visits = 0
    private var sample: UInt64 = 0x9E37_79B9_7F4A_7C15

    init(_ program: Program, _ limits: ExpressionLimits, stackBudget: Int) {
        self.program = program
        self.limits = limits
        bytesLeft = limits.bytesMax
        stackFloor = Machine.stackPosition() &- UInt(stackBudget)
        values = [JSONValue](repeating: .null, count: program.slots)
        frames.append(Frame(values: 0, closures: 0, parent: -1))
    }

    // MARK: Errors

    func fail(_ message: String) -> Unwind { fail(.string(message)) }

    func fail(_ value: JSONValue) -> Unwind {
        reason = .error(value)
        return Unwind()
    }

    func exceed(_ limit: String) -> Unwind {
        reason = .limit(limit)
        return Unwind()
    }

    /// A number that no other activation has, for `Reason.stop`.
    func newToken() -> Int {
        lastToken += 1
        return lastToken
    }

    func isStopping(_ token: Int) -> Bool {
        if case .stop(token) = reason { true } else { false }
    }

    // MARK: Bounds

    /// Counts one unit of work.
    @inline(__always)
    func step() throws(Unwind) {
        fuel &-= 1
        if fuel < 0 { try refuel() }
    }

    /// Counts `count` units at once.
    func step(_ count: Int) throws(Unwind) {
        fuel -= count
        if fuel < 0 { try refuel() }
    }

    private func refuel() throws(Unwind) {
        stepsUsed += 1_024 - fuel
        fuel = 1_024
        if stepsUsed > limits.steps { throw exceed("steps (\(limits.steps))") }
        let now = ContinuousClock.now
        if let deadline {
            if now > deadline { throw exceed("duration (\(limits.duration))") }
        } else {
            deadline = now + limits.duration
        }
    }

    /// Counts bytes about to be built.
    @inline(__always)
    func charge(_ bytes: Int) throws(Unwind) {
        bytesLeft &-= bytes
        if bytesLeft < 0 { throw exceed("bytesMax (\(limits.bytesMax))") }
    }

    private static func stackPosition() -> UInt {
        var probe: UInt8 = 0
        return withUnsafeMutablePointer(to: &probe) { UInt(bitPattern: $0) }
    }

    @inline(__always)
    func checkStack() throws(Unwind) {
        if Machine.stackPosition() < stackFloor {
            reason = .stackUsedUp
            throw Unwind()
        }
    }

    /// Enters one more level of recursion; `leave` must follow.
    func enter() throws(Unwind) {
        depth += 1
        if depth > limits.depth { throw exceed("depth (\(limits.depth))") }
        try checkStack()
    }

    func leave() { depth -= 1 }

    /// Looks at a container that becomes a part of a new one, `levels` below it: a sample of them is measured.
    @inline(__always)
    func nest(_ value: JSONValue, levels: Int = 1) throws(Unwind) {
        switch value {
        case .array, .object: try nestContainer(value, levels)
        default: return
        }
    }

    /// Notes that an operation put parts of values into a new one.
    func share() { nestings += 4 }

    private func nestContainer(_ value: JSONValue, _ levels: Int) throws(Unwind) {
        nestings += levels
        guard nestings > 64 else { return }
        // One in eight: a chain that grows level by level cannot escape that for long.
        sample = sample &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        if sample >> 61 == 0 || levels > 16 { try checkDepth(value, levels) }
    }

    /// Throws when arrays and objects nest deeper than values may. Parts that a value has many times are visited as often,
    /// so visits count as work.
    private func checkDepth(_ value: JSONValue, _ levels: Int) throws(Unwind) {
        switch value {
        case .array(let elements):
            if levels >= ExpressionLimits.valueDepthMax { throw tooDeep() }
            for element in elements where element.isContainer { try checkDepth(element, levels + 1) }
        case .object(let members):
            if levels >= ExpressionLimits.valueDepthMax { throw tooDeep() }
            for (_, member) in members where member.isContainer { try checkDepth(member, levels + 1) }
        default: return
        }
        visits &+= 1
        if visits & 31 == 0 { try step() }
    }

    func tooDeep() -> Unwind { exceed("values nest at most \(ExpressionLimits.valueDepthMax) levels") }

    /// Before a value is walked or printed: values that share parts can look far larger than what they use.
    func checkExtent(_ value: JSONValue) throws(Unwind) {
        guard nestings > 8, value.isContainer else { return }
        var left = limits.bytesMax / 16
        if !value.fits(&left) { throw exceed("bytesMax (\(limits.bytesMax))") }
        try step((limits.bytesMax / 16 - left) / 64)
        if nestings > 64 { try checkDepth(value, 0) }
    }

    // MARK: Frames

    private func base(_ frame: Int, _ hops: Int) -> Int {
        var frame = frame
        for _ in 0..<hops { frame = frames[frame].parent }
        return frames[frame].values
    }

    func load(_ frame: Int, hops: Int, slot: Int) -> JSONValue { values[base(frame, hops) + slot] }

    /// Sets a variable of the frame itself and returns what it was.
    func exchange(_ frame: Int, slot: Int, _ value: JSONValue) -> JSONValue {
        var value = value
        swap(&values[frames[frame].values + slot], &value)
        return value
    }

    func store(_ frame: Int, slot: Int, _ value: JSONValue) { values[frames[frame].values + slot] = value }

    func ancestor(_ frame: Int, hops: Int) -> Int {
        var frame = frame
        for _ in 0..<hops { frame = frames[frame].parent }
        return frame
    }

    func closure(_ frame: Int, hops: Int, index: Int) -> Closure {
        closures[frames[ancestor(frame, hops: hops)].closures + index]
    }

    /// Makes a frame whose first variables and closures are the arguments.
    func push(_ function: Function, parent: Int, _ arguments: [JSONValue], _ filters: [Closure]) throws(Unwind) -> Int {
        frames.append(Frame(values: values.count, closures: closures.count, parent: parent))
        values.append(contentsOf: arguments)
        for _ in arguments.count..<max(arguments.count, function.slots) { values.append(.null) }
        closures.append(contentsOf: filters)
        return frames.count - 1
    }

    func pop(to frame: Int) {
        values.removeLast(values.count - frames[frame].values)
        closures.removeLast(closures.count - frames[frame].closures)
        frames.removeLast(frames.count - frame)
    }
}

/// Where in the input a value is, as a chain from the value up to the root.
final class Path {
    let parent: Path?
    let key: JSONValue
    let length: Int
    /// A value that is not a part of the input has no path that could go on.
    let isValid: Bool

    private init(parent: Path?, key: JSONValue, length: Int, isValid: Bool) {
        self.parent = parent
        self.key = key
        self.length = length
        self.isValid = isValid
    }

    static func root() -> Path { Path(parent: nil, key: .null, length: 0, isValid: true) }

    /// The path of something computed from the value here: none, but for what `resumed` says.
    func left(from value: JSONValue) -> Path {
        isValid ? Path(parent: self, key: value, length: 0, isValid: false) : self
    }

    /// The path that a value has: this one, or the one that was left when the value is the very one that was there. In jq
    /// `null`, `true` and `false` are the very same wherever they come from, so that `(.a // null) |= 1` works on `null`.
    func resumed(at value: JSONValue) -> Path? {
        if isValid { return self }
        switch (value, key) {
        case (.null, .null): return parent
        case (.bool(let a), .bool(let b)) where a == b: return parent
        default: return nil
        }
    }

    /// Paths are as long as values may be deep, so that neither building nor releasing one nests far.
    func appending(_ key: JSONValue, _ machine: Machine) throws(Unwind) -> Path {
        if length >= ExpressionLimits.valueDepthMax { throw machine.tooDeep() }
        return Path(parent: self, key: key, length: length + 1, isValid: true)
    }

    /// The keys from the root down.
    var keys: [JSONValue] {
        var found: [JSONValue] = []
        found.reserveCapacity(length)
        var link = self
        while let parent = link.parent {
            found.append(link.key)
            link = parent
        }
        found.reverse()
        return found
    }
}
