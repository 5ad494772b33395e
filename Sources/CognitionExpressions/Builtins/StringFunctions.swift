import CognitionCore

extension Builtins {
    static let strings: [String: Function] = [
        "utf8bytelength/0": { input, _, machine throws(Unwind) in
            guard case .string(let text) = input else {
                throw machine.mismatch(input, "only strings have UTF-8 byte length")
            }
            return .integer(Int64(text.utf8.count))
        },
        "startswith/1": { input, arguments, machine throws(Unwind) in
            .bool(try machine.isPrefix(input, arguments[0], "startswith"))
        },
        "endswith/1": { input, arguments, machine throws(Unwind) in
            .bool(try machine.isSuffix(input, arguments[0], "endswith"))
        },
        "ltrimstr/1": { input, arguments, machine throws(Unwind) in try machine.trimStart(input, arguments[0]) },
        "rtrimstr/1": { input, arguments, machine throws(Unwind) in try machine.trimEnd(input, arguments[0]) },
        "trimstr/1": { input, arguments, machine throws(Unwind) in
            try machine.trimEnd(try machine.trimStart(input, arguments[0]), arguments[0])
        },
        "trim/0": { input, _, machine throws(Unwind) in try machine.trim(input, start: true, end: true) },
        "ltrim/0": { input, _, machine throws(Unwind) in try machine.trim(input, start: true, end: false) },
        "rtrim/0": { input, _, machine throws(Unwind) in try machine.trim(input, start: false, end: true) },
        "explode/0": { input, _, machine throws(Unwind) in
            guard case .string(let text) = input else { throw machine.fail("explode input must be a string") }
            try machine.charge(text.utf8.count * 32)
            return .array(text.unicodeScalars.map { .integer(Int64($0.value)) })
        },
        "implode/0": { input, _, machine throws(Unwind) in try machine.implode(input) },
        "ascii_downcase/0": { input, _, machine throws(Unwind) in
            try machine.mapASCII(input) { $0 &- 65 < 26 ? $0 + 32 : $0 }
        },
        "ascii_upcase/0": { input, _, machine throws(Unwind) in
            try machine.mapASCII(input) { $0 &- 97 < 26 ? $0 - 32 : $0 }
        },
        "split/1": { input, arguments, machine throws(Unwind) in
            guard case .string(let text) = input, case .string(let separator) = arguments[0] else {
                throw machine.fail("split input and separator must be strings")
            }
            return try machine.split(text, separator)
        },
        "join/1": { input, arguments, machine throws(Unwind) in try machine.join(input, arguments[0]) },
    ]
}

extension Machine {
    fileprivate func isPrefix(_ value: JSONValue, _ part: JSONValue, _ name: String) throws(Unwind) -> Bool {
        guard case .string(let text) = value, case .string(let prefix) = part else {
            throw fail("\(name)() requires string inputs")
        }
        return text.utf8.starts(with: prefix.utf8)
    }

    fileprivate func isSuffix(_ value: JSONValue, _ part: JSONValue, _ name: String) throws(Unwind) -> Bool {
        guard case .string(let text) = value, case .string(let suffix) = part else {
            throw fail("\(name)() requires string inputs")
        }
        return text.utf8.count >= suffix.utf8.count && text.utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }

    fileprivate func trimStart(_ value: JSONValue, _ part: JSONValue) throws(Unwind) -> JSONValue {
        guard try isPrefix(value, part, "startswith"), case .string(let text) = value, case .string(let prefix) = part
        else { return value }
        return .string(String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self))
    }

    fileprivate func trimEnd(_ value: JSONValue, _ part: JSONValue) throws(Unwind) -> JSONValue {
        guard try isSuffix(value, part, "endswith"), case .string(let text) = value, case .string(let suffix) = part
        else { return value }
        return .string(String(decoding: text.utf8.dropLast(suffix.utf8.count), as: UTF8.self))
    }

    fileprivate func trim(_ value: JSONValue, start: Bool, end: Bool) throws(Unwind) -> JSONValue {
        guard case .string(let text) = value else { throw fail("trim input must be a string") }
        var scalars = text.unicodeScalars[...]
        if start { scalars = scalars.drop { $0.properties.isWhitespace } }
        if end { while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() } }
        return .string(String(scalars))
    }

    fileprivate func implode(_ value: JSONValue) throws(Unwind) -> JSONValue {
        guard case .array(let elements) = value else { throw fail("implode input must be an array") }
        try charge(elements.count * 4)
        var scalars = String.UnicodeScalarView()
        for element in elements {
            guard element.isNumber, !element.double.isNaN else {
                throw mismatch(element, "can't be imploded, unicode codepoint needs to be numeric")
            }
            let code = UInt32(exactly: Int64(saturating: element.double)) ?? 0xFFFD
            scalars.append(Unicode.Scalar(code) ?? "\u{FFFD}")
        }
        return .string(String(scalars))
    }

    fileprivate func mapASCII(_ value: JSONValue, _ change: (UInt8) -> UInt8) throws(Unwind) -> JSONValue {
        guard case .string(let text) = value else { throw fail("explode input must be a string") }
        try charge(text.utf8.count)
        return .string(String(decoding: text.utf8.map(change), as: UTF8.self))
    }

    /// The parts between the separators; an empty separator cuts between all code points.
    func split(_ text: String, _ separator: String) throws(Unwind) -> JSONValue {
        try charge(text.utf8.count * (separator.isEmpty ? 48 : 2))
        if text.isEmpty { return .array([]) }
        if separator.isEmpty { return .array(text.unicodeScalars.map { .string(String($0)) }) }
        let (bytes, mark) = (Array(text.utf8), Array(separator.utf8))
        var parts: [JSONValue] = []
        var start = 0
        for place in try places(of: mark, in: bytes, overlapping: false) {
            parts.append(.string(String(decoding: bytes[start..<place], as: UTF8.self)))
            start = place + mark.count
        }
        parts.append(.string(String(decoding: bytes[start...], as: UTF8.self)))
        try charge(parts.count * 48)
        return .array(parts)
    }

    /// Where a part begins in a text, in code points; occurrences may overlap.
    func occurrences(of part: String, in text: String, max: Int) throws(Unwind) -> [Int] {
        guard !part.isEmpty else { return [] }
        let bytes = Array(text.utf8)
        let places = try places(of: Array(part.utf8), in: bytes, overlapping: true, max: max)
        var found: [Int] = []
        var (offset, codePoints) = (0, 0)
        for place in places {
            for byte in bytes[offset..<place] where byte & 0xC0 != 0x80 { codePoints += 1 }
            offset = place
            found.append(codePoints)
        }
        try charge(found.count * 40)
        return found
    }

    /// Offsets of `mark` in `bytes`; a naive search whose cost is counted.
    private func places(
        of mark: [UInt8], in bytes: [UInt8], overlapping: Bool, max: Int = .max
    ) throws(Unwind) -> [Int] {
        try step(bytes.count / 64)
        var found: [Int] = []
        guard let first = mark.first, bytes.count >= mark.count else { return found }
        var start = 0
        while start <= bytes.count - mark.count, found.count < max {
            guard bytes[start] == first else {
                start += 1
                continue
            }
            var matched = 1
            while matched < mark.count, bytes[start + matched] == mark[matched] { matched += 1 }
            if matched > 64 { try step(matched / 64) }
            if matched == mark.count { found.append(start) }
            start += matched == mark.count && !overlapping ? mark.count : 1
        }
        return found
    }

    fileprivate func join(_ value: JSONValue, _ separator: JSONValue) throws(Unwind) -> JSONValue {
        guard case .array(let elements) = value, case .string(let mark) = separator else {
            return try joinGenerally(value, separator)
        }
        var text = ""
        for (index, element) in elements.enumerated() {
            try step()
            if index > 0 { text += mark }
            switch element {
            case .null: break
            case .string(let part): text += part
            case .bool, .integer, .number, .literal: text += try json(element)
            case .array, .object: throw mismatch(.string(text), element, "cannot be added")
            }
            if text.utf8.count > limits.bytesMax { try charge(text.utf8.count) }
        }
        try charge(text.utf8.count)
        return .string(text)
    }

    /// As jq defines it, for what is not an array of strings joined by a string.
    private func joinGenerally(_ value: JSONValue, _ separator: JSONValue) throws(Unwind) -> JSONValue {
        var joined = JSONValue.null
        try IterateNode.iterate(value, nil, self) { (element, _) throws(Unwind) in
            var part = element
            if part.isNumber || part.boolValue != nil {
                part = .string(try self.json(part))
            } else if part.isNull {
                part = ""
            }
            let start = joined.isNull ? "" : try self.add(joined, separator)
            joined = try self.add(start, part)
        }
        return joined.isTrue ? joined : ""
    }
}
