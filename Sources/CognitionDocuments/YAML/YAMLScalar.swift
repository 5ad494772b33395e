import CognitionCore

/// What a plain scalar means by the core schema of YAML 1.2 (chapter 10.3.2).
enum YAMLScalar {
    case value(JSONValue)
    /// `.inf` and `.nan`, which JSON cannot say.
    case notFinite

    /// Anything that is no null, boolean or number is a string: also `yes`, `on`, dates and `1:30`.
    init(plain text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .value(.null)
        case "true", "True", "TRUE": self = .value(.bool(true))
        case "false", "False", "FALSE": self = .value(.bool(false))
        default: self = YAMLScalar.number(text) ?? .value(.string(text))
        }
    }

    private static func number(_ text: String) -> YAMLScalar? {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, first <= UInt8(ascii: "9") else { return nil }
        let isSigned = first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
        switch isSigned ? String(text.dropFirst()) : text {
        case ".inf", ".Inf", ".INF": return .notFinite
        case ".nan", ".NaN", ".NAN": return isSigned ? nil : .notFinite
        default: break
        }
        if bytes.count > 2, first == UInt8(ascii: "0"), bytes[1] == UInt8(ascii: "x") || bytes[1] == UInt8(ascii: "o") {
            return based(bytes[2...], shift: bytes[1] == UInt8(ascii: "x") ? 4 : 3)
        }
        return decimal(bytes)
    }

    /// Hexadecimal and octal numbers of up to 128 bits; longer ones are text.
    private static func based(_ digits: ArraySlice<UInt8>, shift: Int) -> YAMLScalar? {
        var value: UInt128 = 0
        for byte in digits {
            guard let digit = byte.hexadecimalDigit, digit < 1 << shift, value.leadingZeroBitCount >= shift else {
                return nil
            }
            value = value << UInt128(shift) | UInt128(digit)
        }
        return .value(JSONValue(numberLiteral: String(value), isInteger: true))
    }

    /// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, rewritten as JSON spells it.
    private static func decimal(_ bytes: [UInt8]) -> YAMLScalar? {
        var rest = bytes[...]
        var literal: [UInt8] = []
        if rest.first == UInt8(ascii: "-") {
            literal.append(rest.removeFirst())
        } else if rest.first == UInt8(ascii: "+") {
            rest.removeFirst()
        }
        let whole = rest.prefix(while: \.isDigit)
        rest = rest.dropFirst(whole.count)
        let significant = whole.drop { $0 == UInt8(ascii: "0") }
        literal += significant.isEmpty ? [UInt8(ascii: "0")] : Array(significant)
        var isInteger = true
        if rest.first == UInt8(ascii: ".") {
            isInteger = false
            rest.removeFirst()
            let fraction = rest.prefix(while: \.isDigit)
            rest = rest.dropFirst(fraction.count)
            guard !whole.isEmpty || !fraction.isEmpty else { return nil }
            literal += [UInt8(ascii: ".")] + (fraction.isEmpty ? [UInt8(ascii: "0")] : Array(fraction))
        } else if whole.isEmpty {
            return nil
        }
        if let letter = rest.first, letter | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            literal.append(rest.removeFirst())
            if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { literal.append(rest.removeFirst()) }
            let exponent = rest.prefix(while: \.isDigit)
            rest = rest.dropFirst(exponent.count)
            guard !exponent.isEmpty else { return nil }
            literal += exponent
        }
        guard rest.isEmpty else { return nil }
        return .value(JSONValue(numberLiteral: String(decoding: literal, as: UTF8.self), isInteger: isInteger))
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
