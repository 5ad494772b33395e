import CognitionCore

/// A value that somebody has sent, with where it stands, so that a refusal can name the place.
struct JSONPlace {
    let value: JSONValue
    let pointer: JSONPointer
    let code: ErrorCode

    init(_ value: JSONValue, _ pointer: JSONPointer = .root, code: ErrorCode) {
        self.value = value
        self.pointer = pointer
        self.code = code
    }

    func refusal(_ sentence: String) -> SearchError {
        SearchError(code, "\(pointer.isRoot ? "" : "\(pointer): ")\(sentence)")
    }

    /// - Parameter known: Members that it may have; `nil` for any.
    func object(_ what: String, _ known: [String]? = nil) throws -> JSONObject {
        guard let object = value.objectValue else { throw refusal("\(what) is an object, not \(value.typeName)") }
        if let known, let unknown = object.keys.first(where: { !known.contains($0) }) {
            throw refusal("\(what) has no member '\(unknown)'; it takes \(known.joined(separator: ", "))")
        }
        return object
    }

    /// A member that is there and not null.
    func member(_ name: String) -> JSONPlace? {
        guard let member = value[name], !member.isNull else { return nil }
        return JSONPlace(member, pointer.appending(name), code: code)
    }

    func list(max: Int) throws -> [JSONPlace] {
        guard let list = value.arrayValue else { throw refusal("a list is needed, not \(value.typeName)") }
        guard list.count <= max else { throw refusal("the list has \(list.count) items; \(max) are allowed") }
        return list.enumerated().map { JSONPlace($1, pointer.appending($0), code: code) }
    }

    func text(bytes: ClosedRange<Int> = 1...255) throws -> String {
        guard let text = value.stringValue else { throw refusal("a text is needed, not \(value.typeName)") }
        guard bytes.contains(text.utf8.count) else {
            throw refusal(
                "a text of \(bytes.lowerBound) to \(bytes.upperBound) bytes is needed, not of \(text.utf8.count)")
        }
        guard !text.utf8.contains(0) else { throw refusal("a text holds no NUL") }
        return text
    }

    func texts(max: Int) throws -> [String] { try list(max: max).map { try $0.text() } }

    func flag() throws -> Bool {
        guard let flag = value.boolValue else { throw refusal("true or false is needed, not \(value.typeName)") }
        return flag
    }

    func number(in range: ClosedRange<Double>) throws -> Double {
        guard let number = value.doubleValue, range.contains(number) else {
            throw refusal("a number of \(range.lowerBound) to \(range.upperBound) is needed")
        }
        return number
    }

    func whole(in range: ClosedRange<Int>) throws -> Int {
        guard let number = value.integerValue, let number = Int(exactly: number), range.contains(number) else {
            throw refusal("a whole number of \(range.lowerBound) to \(range.upperBound) is needed")
        }
        return number
    }

    func choice(_ choices: [String]) throws -> String {
        guard let text = value.stringValue, choices.contains(text) else {
            throw refusal("one of \(choices.joined(separator: ", ")) is needed")
        }
        return text
    }
}
