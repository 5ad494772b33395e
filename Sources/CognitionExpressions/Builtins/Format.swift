import CognitionCore

/// The ways in which `@name` writes a value as text.
enum Format: String, Sendable {
    case text, json, html, uri, urid, csv, tsv, sh, base64, base64d, base32, base32d

    static func named(_ name: String, at offset: Int) throws(SyntaxFault) -> Format {
        guard let format = Format(rawValue: name) else {
            throw SyntaxFault(reason: "\(name) is not a valid format", offset: offset)
        }
        return format
    }

    func apply(_ value: JSONValue, _ machine: Machine) throws(Unwind) -> String {
        switch self {
        case .text: return try machine.text(value)
        case .json: return try machine.json(value)
        case .csv: return try row(value, machine, separator: ",") { "\"" + $0.replacing("\"", with: "\"\"") + "\"" }
        case .tsv:
            return try row(value, machine, separator: "\t") { text in
                Self.escape(text) { byte in
                    switch byte {
                    case 9: "\\t"
                    case 10: "\\n"
                    case 13: "\\r"
                    case 92: "\\\\"
                    default: nil
                    }
                }
            }
        case .html:
            return Self.escape(try machine.text(value)) { byte in
                switch byte {
                case UInt8(ascii: "&"): "&amp;"
                case UInt8(ascii: "<"): "&lt;"
                case UInt8(ascii: ">"): "&gt;"
                case UInt8(ascii: "'"): "&apos;"
                case UInt8(ascii: "\""): "&quot;"
                default: nil
                }
            }
        case .uri: return Self.percentEncoded(try machine.text(value))
        case .urid:
            guard let decoded = Self.percentDecoded(try machine.text(value)) else {
                throw machine.mismatch(value, "is not a valid uri encoding")
            }
            return decoded
        case .sh: return try shell(value, machine)
        case .base64: return Base64.encode(Array(try machine.text(value).utf8), bits: 6)
        case .base32: return Base64.encode(Array(try machine.text(value).utf8), bits: 5)
        case .base64d: return try decoded(value, machine, bits: 6)
        case .base32d: return try decoded(value, machine, bits: 5)
        }
    }

    private func decoded(_ value: JSONValue, _ machine: Machine, bits: Int) throws(Unwind) -> String {
        let text = try machine.text(value)
        guard let (bytes, isWhole) = Base64.decode(text.utf8, bits: bits) else {
            throw machine.mismatch(.string(text), "is not valid \(rawValue.dropLast()) data")
        }
        if !isWhole { throw machine.mismatch(.string(text), "trailing \(rawValue.dropLast()) byte found") }
        return String(repairing: bytes)
    }

    private func row(
        _ value: JSONValue, _ machine: Machine, separator: String, quote: (String) -> String
    ) throws(Unwind) -> String {
        guard case .array(let cells) = value else {
            throw machine.mismatch(value, "cannot be \(rawValue)-formatted, only array")
        }
        var line = ""
        for (index, cell) in cells.enumerated() {
            try machine.step()
            if index > 0 { line += separator }
            switch cell {
            case .null: break
            case .number(let number) where number.isNaN: break
            case .bool, .integer, .number, .literal: line += try machine.json(cell)
            case .string(let text): line += quote(text)
            case .array, .object: throw machine.mismatch(cell, "is not valid in a csv row")
            }
        }
        return line
    }

    private func shell(_ value: JSONValue, _ machine: Machine) throws(Unwind) -> String {
        var words: [String] = []
        for part in value.arrayValue ?? [value] {
            try machine.step()
            switch part {
            case .string(let text): words.append("'" + text.replacing("'", with: "'\\''") + "'")
            case .array, .object: throw machine.mismatch(part, "can not be escaped for shell")
            default: words.append(try machine.json(part))
            }
        }
        return words.joined(separator: " ")
    }

    private static func escape(_ text: String, _ replacement: (UInt8) -> String?) -> String {
        var escaped: [UInt8] = []
        escaped.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if let other = replacement(byte) { escaped.append(contentsOf: other.utf8) } else { escaped.append(byte) }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    private static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            let isPlain = (byte | 0x20) &- 97 < 26 || byte &- 48 < 10 || "-_.~".utf8.contains(byte)
            if isPlain {
                encoded.append(byte)
            } else {
                encoded.append(contentsOf: [37, digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    private static func percentDecoded(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == 37 else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst(), let low = rest.popFirst(),
                let upper = Character(Unicode.Scalar(high)).hexDigitValue,
                let lower = Character(Unicode.Scalar(low)).hexDigitValue
            else { return nil }
            bytes.append(UInt8(upper << 4 | lower))
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

/// Base64 and base32 of RFC 4648.
enum Base64 {
    private static func alphabet(_ bits: Int) -> [UInt8] {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        return Array((bits == 6 ? letters + letters.lowercased() + "0123456789+/" : letters + "234567").utf8)
    }

    static func encode(_ bytes: [UInt8], bits: Int) -> String {
        let alphabet = alphabet(bits)
        var encoded: [UInt8] = []
        encoded.reserveCapacity(bytes.count * 8 / bits + 8)
        var (buffer, filled) = (0, 0)
        for byte in bytes {
            buffer = (buffer << 8 | Int(byte)) & 0xFFFF
            filled += 8
            while filled >= bits {
                filled -= bits
                encoded.append(alphabet[buffer >> filled & (1 << bits - 1)])
            }
        }
        if filled > 0 { encoded.append(alphabet[buffer << (bits - filled) & (1 << bits - 1)]) }
        let group = bits == 6 ? 4 : 8
        while encoded.count % group != 0 { encoded.append(UInt8(ascii: "=")) }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// The bytes, and whether no single character was left over; `nil` for a character outside the alphabet.
    static func decode(_ text: String.UTF8View, bits: Int) -> (bytes: [UInt8], isWhole: Bool)? {
        var values = [Int?](repeating: nil, count: 256)
        for (value, byte) in alphabet(bits).enumerated() { values[Int(byte)] = value }
        var bytes: [UInt8] = []
        var (buffer, filled, count) = (0, 0, 0)
        for byte in text {
            if byte == UInt8(ascii: "=") { break }
            guard let value = values[Int(byte)] else { return nil }
            buffer = (buffer << bits | value) & 0xFFFF
            filled += bits
            count += 1
            if filled >= 8 {
                filled -= 8
                bytes.append(UInt8(buffer >> filled & 0xFF))
            }
        }
        return (bytes, bits == 5 || count % 4 != 1)
    }
}
