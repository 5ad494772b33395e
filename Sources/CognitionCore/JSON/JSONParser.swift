extension JSONValue {
    /// Reads a JSON document (RFC 8259).
    ///
    /// Of members with the same name the last wins, unless `limits` refuses them. Nothing but white space may stand
    /// around the value; a byte order mark, a lone surrogate and text that is not UTF-8 are refused.
    package init(parsing text: String, limits: JSONLimits = .standard) throws(JSONParsingError) {
        var text = text
        let result = text.withUTF8 { JSONParser.parse($0, limits: limits) }
        self = try result.get()
    }

    package init(parsing bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits = .standard) throws(JSONParsingError) {
        self = try JSONParser.parse(bytes, limits: limits).get()
    }

    package init(
        parsing bytes: some Collection<UInt8>, limits: JSONLimits = .standard
    ) throws(JSONParsingError) {
        let result = bytes.withContiguousStorageIfAvailable { JSONParser.parse($0, limits: limits) }
        if let result {
            self = try result.get()
        } else {
            self = try Array(bytes).withUnsafeBufferPointer { JSONParser.parse($0, limits: limits) }.get()
        }
    }
}

/// One reading of one text: a loop with stacks of its own, so that depth costs heap and never the thread's stack.
struct JSONParser: ~Copyable {
    /// An array or object that is open: where its elements and its members' names begin on the stacks.
    private struct Container {
        let isObject: Bool
        let firstValue: Int
        let firstName: Int
    }

    let text: UnsafeBufferPointer<UInt8>
    let base: UnsafePointer<UInt8>
    let end: Int
    var place = 0
    /// Where strings with escapes are put together.
    var scratch: [UInt8] = []
    private let limits: JSONLimits
    private var containers: [Container] = []
    private var values = TransferStack<JSONValue>()
    private var names = TransferStack<String>()

    static func parse(
        _ text: UnsafeBufferPointer<UInt8>, limits: JSONLimits
    ) -> Result<JSONValue, JSONParsingError> {
        guard let base = text.baseAddress, !text.isEmpty else {
            return .failure(
                JSONParsingError(.jsonInvalid, "The text is empty; a JSON value is needed", at: 0, in: text))
        }
        guard text.count <= limits.bytesMax else {
            let reason = "The text has \(text.count) bytes; at most \(limits.bytesMax) are read"
            return .failure(JSONParsingError(.jsonTooLarge, reason, at: 0, in: text))
        }
        var parser = JSONParser(text: text, base: base, limits: limits)
        do throws(JSONParsingError) {
            return .success(try parser.document())
        } catch {
            return .failure(error)
        }
    }

    private init(text: UnsafeBufferPointer<UInt8>, base: UnsafePointer<UInt8>, limits: JSONLimits) {
        self.text = text
        self.base = base
        self.end = text.count
        self.limits = limits
    }

    private mutating func document() throws(JSONParsingError) -> JSONValue {
        if end >= 3, base[0] == 0xEF, base[1] == 0xBB, base[2] == 0xBF {
            throw invalid("The text starts with a byte order mark; save it as UTF-8 without one", at: 0)
        }
        repeat {
            skipSpace()
            if try !openContainer() { try closeAll() }
        } while !containers.isEmpty
        skipSpace()
        guard place == end else { throw invalid("Something follows the end of the JSON value", at: place) }
        return values.removeLast()
    }

    /// Reads the value at `place`: a scalar is pushed; of an array or object with contents only the start is read.
    /// - Returns: Whether a container was opened, so that a value must follow.
    private mutating func openContainer() throws(JSONParsingError) -> Bool {
        guard place < end else { throw unexpected("a value") }
        switch base[place] {
        case UInt8(ascii: "{"):
            try open(isObject: true)
            guard !skip(UInt8(ascii: "}")) else { break }
            try readName()
            return true
        case UInt8(ascii: "["):
            try open(isObject: false)
            guard !skip(UInt8(ascii: "]")) else { break }
            return true
        case UInt8(ascii: "\""):
            values.append(.string(try readString()))
            return false
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            values.append(try readNumber())
            return false
        case UInt8(ascii: "t"):
            try readWord("true")
            values.append(.bool(true))
            return false
        case UInt8(ascii: "f"):
            try readWord("false")
            values.append(.bool(false))
            return false
        case UInt8(ascii: "n"):
            try readWord("null")
            values.append(.null)
            return false
        default:
            throw unexpected("a value")
        }
        try finishContainer()
        return false
    }

    /// After a value: closes what ends here and steps over one comma, so that the next value is at `place`.
    private mutating func closeAll() throws(JSONParsingError) {
        while let container = containers.last {
            skipSpace()
            guard place < end else { throw unexpected(container.isObject ? "',' or '}'" : "',' or ']'") }
            switch base[place] {
            case UInt8(ascii: ","):
                place += 1
                if container.isObject {
                    skipSpace()
                    try readName()
                }
                return
            case UInt8(ascii: "}") where container.isObject, UInt8(ascii: "]") where !container.isObject:
                place += 1
                try finishContainer()
            default:
                throw unexpected(container.isObject ? "',' or '}'" : "',' or ']'")
            }
        }
    }

    private mutating func open(isObject: Bool) throws(JSONParsingError) {
        guard containers.count < limits.depthMax else {
            throw JSONParsingError(
                .jsonTooDeep, "Arrays and objects are nested deeper than \(limits.depthMax) levels", at: place, in: text
            )
        }
        containers.append(Container(isObject: isObject, firstValue: values.count, firstName: names.count))
        place += 1
        skipSpace()
    }

    private mutating func finishContainer() throws(JSONParsingError) {
        let container = containers.removeLast()
        guard container.isObject else {
            values.append(.array(values.removeArray(from: container.firstValue)))
            return
        }
        let count = values.count - container.firstValue
        var object = JSONObject(minimumCapacity: count)
        for index in 0..<count {
            let name = names.take(container.firstName + index)
            object.updateValue(values.take(container.firstValue + index), forKey: name)
        }
        names.forget(from: container.firstName)
        values.forget(from: container.firstValue)
        guard object.count == count || limits.allowsRepeatedNames else {
            throw invalid("The object that ends here has two members of the same name", at: place - 1)
        }
        values.append(.object(object))
    }

    private mutating func readName() throws(JSONParsingError) {
        guard place < end, base[place] == UInt8(ascii: "\"") else { throw unexpected("a member's name in quotes") }
        names.append(try readString())
        skipSpace()
        guard skip(UInt8(ascii: ":")) else { throw unexpected("':'") }
    }

    private mutating func readWord(_ word: StaticString) throws(JSONParsingError) {
        let length = word.utf8CodeUnitCount
        for index in 0..<length where place + index >= end || base[place + index] != word.utf8Start[index] {
            throw unexpected("a value")
        }
        place += length
    }

    @inline(__always)
    private mutating func skip(_ byte: UInt8) -> Bool {
        guard place < end, base[place] == byte else { return false }
        place += 1
        return true
    }

    @inline(__always)
    private mutating func skipSpace() {
        while place < end {
            let byte = base[place]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            place += 1
        }
    }

    func invalid(_ reason: String, at offset: Int) -> JSONParsingError {
        JSONParsingError(.jsonInvalid, reason, at: offset, in: text)
    }

    private func unexpected(_ wanted: String) -> JSONParsingError {
        guard place < end else { return invalid("The text ends where \(wanted) should be", at: place) }
        let byte = base[place]
        let found =
            (0x21...0x7E).contains(byte)
            ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x" + String(byte, radix: 16, uppercase: true)
        return invalid("Found \(found) where \(wanted) should be", at: place)
    }
}

/// A stack whose elements are moved out instead of copied.
struct TransferStack<Element>: ~Copyable {
    private var storage = UnsafeMutablePointer<Element>.allocate(capacity: 32)
    private var capacity = 32
    private(set) var count = 0

    deinit {
        storage.deinitialize(count: count)
        storage.deallocate()
    }

    @inline(__always)
    mutating func append(_ element: consuming Element) {
        if count == capacity { grow() }
        (storage + count).initialize(to: element)
        count += 1
    }

    mutating func removeLast() -> Element {
        count -= 1
        return (storage + count).move()
    }

    /// Moves all elements from `first` on into an array.
    mutating func removeArray(from first: Int) -> [Element] {
        let length = count - first
        let source = storage + first
        let array = Array<Element>(unsafeUninitializedCapacity: length) { target, initialized in
            if let start = target.baseAddress { start.moveInitialize(from: source, count: length) }
            initialized = length
        }
        count = first
        return array
    }

    /// Moves one element out; `forget` must follow for all taken ones before the stack is used again.
    @inline(__always)
    mutating func take(_ index: Int) -> Element { (storage + index).move() }

    /// Drops the places from `first` on, whose elements have all been taken.
    mutating func forget(from first: Int) { count = first }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: storage, count: count)
        storage.deallocate()
        storage = larger
        capacity *= 2
    }
}
