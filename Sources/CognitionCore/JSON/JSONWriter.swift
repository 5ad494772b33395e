extension JSONValue {
    /// The value as compact JSON, as `jq -c` prints it, except that a number that was read keeps its text.
    package var jsonText: String { JSONWriter.text(of: self, style: .compact) }

    /// The value over several lines with two spaces of indentation, as jq prints it.
    package var prettyJSONText: String { JSONWriter.text(of: self, style: .pretty) }

    /// Compact JSON whose members are in the order of their names' code points, as `jq -cS` prints it.
    package var sortedJSONText: String { JSONWriter.text(of: self, style: .sorted) }

    /// Appends the value as compact JSON in UTF-8; for hot paths.
    package func writeJSON(into output: inout [UInt8]) {
        JSONWriter.write(self, style: .compact, into: &output)
    }

    /// Compact JSON in UTF-8.
    package var jsonBytes: [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(256)
        writeJSON(into: &output)
        return output
    }
}

/// Writes a value with a stack of its own, so that no depth overflows the thread's.
struct JSONWriter {
    struct Style {
        enum Order {
            case written
            /// By the names' Unicode code points.
            case codePoints
            /// By the names' UTF-16 code units, as RFC 8785 demands.
            case codeUnits
        }

        /// Over several lines, with two spaces for each level.
        var isPretty = false
        var order = Order.written
        /// Numbers and escapes as RFC 8785 demands.
        var isCanonical = false

        static let compact = Style()
        static let pretty = Style(isPretty: true)
        static let sorted = Style(order: .codePoints)
        static let canonical = Style(order: .codeUnits, isCanonical: true)
    }

    /// An array or object that is being written; `names` is nil for an array.
    private struct Container {
        let names: [String]?
        let values: [JSONValue]
        var index = 0
    }

    let style: Style

    static func text(of value: JSONValue, style: Style) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(256)
        write(value, style: style, into: &output)
        return String(decoding: output, as: UTF8.self)
    }

    static func write(_ value: JSONValue, style: Style, into output: inout [UInt8]) {
        let writer = JSONWriter(style: style)
        guard var current = writer.begin(value, into: &output) else { return }
        var outer: [Container] = []
        while true {
            if current.index == current.values.count {
                writer.breakLine(depth: outer.count, into: &output)
                output.append(UInt8(ascii: current.names == nil ? "]" : "}"))
                guard let next = outer.popLast() else { return }
                current = next
                continue
            }
            let index = current.index
            current.index += 1
            if index > 0 { output.append(UInt8(ascii: ",")) }
            writer.breakLine(depth: outer.count + 1, into: &output)
            if let names = current.names {
                writer.append(names[index], into: &output)
                output.append(UInt8(ascii: ":"))
                if style.isPretty { output.append(UInt8(ascii: " ")) }
            }
            if let inner = writer.begin(current.values[index], into: &output) {
                outer.append(current)
                current = inner
            }
        }
    }

    /// Writes a scalar or an empty container; of another container only the start.
    /// - Returns: The container whose contents must follow.
    @inline(__always)
    private func begin(_ value: JSONValue, into output: inout [UInt8]) -> Container? {
        switch value {
        case .null: output.append(word: "null")
        case .bool(true): output.append(word: "true")
        case .bool(false): output.append(word: "false")
        case .string(let string): append(string, into: &output)
        case .integer(let integer):
            if style.isCanonical, integer.magnitude > 1 << 53 {
                NumberText.appendCanonical(Double(integer), to: &output)
            } else {
                NumberText.append(integer, to: &output)
            }
        case .number(let double):
            if style.isCanonical {
                NumberText.appendCanonical(double, to: &output)
            } else {
                NumberText.append(double, to: &output)
            }
        case .literal(let text):
            if style.isCanonical {
                NumberText.appendCanonical(Double(text) ?? 0, to: &output)
            } else {
                output.append(contentsOf: text.utf8)
            }
        case .array(let elements):
            guard !elements.isEmpty else {
                output.append(word: "[]")
                break
            }
            output.append(UInt8(ascii: "["))
            return Container(names: nil, values: elements)
        case .object(let object):
            guard !object.isEmpty else {
                output.append(word: "{}")
                break
            }
            output.append(UInt8(ascii: "{"))
            return members(of: object)
        }
        return nil
    }

    private func members(of object: JSONObject) -> Container {
        switch style.order {
        case .written:
            return Container(names: object.keys, values: object.values)
        case .codePoints:
            let sorted = object.sortedByName()
            return Container(names: sorted.map(\.key), values: sorted.map(\.value))
        case .codeUnits:
            let sorted = object.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
            return Container(names: sorted.map(\.key), values: sorted.map(\.value))
        }
    }

    @inline(__always)
    private func breakLine(depth: Int, into output: inout [UInt8]) {
        guard style.isPretty else { return }
        output.append(UInt8(ascii: "\n"))
        output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
    }

    private func append(_ string: String, into output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        let isWritten: Void? = string.utf8.withContiguousStorageIfAvailable { appendEscaped($0, into: &output) }
        if isWritten == nil {
            Array(string.utf8).withUnsafeBufferPointer { appendEscaped($0, into: &output) }
        }
        output.append(UInt8(ascii: "\""))
    }

    @inline(__always)
    private func appendEscaped(_ bytes: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) {
        var written = 0
        var place = bytes.nextEscaped(from: 0)
        while place < bytes.count {
            let byte = bytes[place]
            if byte != 0x7F || !style.isCanonical {
                output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[written..<place]))
                appendEscape(byte, into: &output)
                written = place + 1
            }
            place = bytes.nextEscaped(from: place + 1)
        }
        output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[written...]))
    }

    private func appendEscape(_ byte: UInt8, into output: inout [UInt8]) {
        let short: Unicode.Scalar? =
            switch byte {
            case UInt8(ascii: "\""): "\""
            case UInt8(ascii: "\\"): "\\"
            case 0x08: "b"
            case 0x09: "t"
            case 0x0A: "n"
            case 0x0C: "f"
            case 0x0D: "r"
            default: nil
            }
        output.append(UInt8(ascii: "\\"))
        if let short {
            output.append(UInt8(ascii: short))
        } else {
            let hexadecimal = byte < 0x10 ? "u000" : "u00"
            output.append(contentsOf: hexadecimal.utf8)
            output.append(contentsOf: String(byte, radix: 16).utf8)
        }
    }
}

extension [UInt8] {
    @inline(__always)
    fileprivate mutating func append(word: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// The place at or after `start` of the next byte that may need an escape, eight bytes at a time; `count` if there
    /// is none.
    @inline(__always)
    fileprivate func nextEscaped(from start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var place = start
        while place + 8 <= count {
            let word = UInt64(
                littleEndian: UnsafeRawBufferPointer(self).loadUnaligned(fromByteOffset: place, as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let delete = word ^ (ones &* 0x7F)
            let found =
                (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((delete &- ones) & ~delete)
                    | ((word &- ones &* 0x20) & ~word)) & highs
            if found != 0 { return place + found.trailingZeroBitCount >> 3 }
            place += 8
        }
        while place < count {
            let byte = self[place]
            if byte == 0x22 || byte == 0x5C || byte == 0x7F || byte < 0x20 { break }
            place += 1
        }
        return place
    }
}
