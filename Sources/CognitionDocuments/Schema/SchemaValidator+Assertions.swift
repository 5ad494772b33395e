import CognitionCore

extension SchemaValidator {
    /// What a keyword without subschemas has against a value; `nil` if nothing.
    static func complaint(of check: SchemaCheck, about value: JSONValue) -> String? {
        switch check {
        case .types(let types):
            guard !types.contains(where: { fits(value, $0) }) else { return nil }
            return "must be \(types.map(\.rawValue).joined(separator: " or ")), is \(value.typeName)"
        case .enumeration(let values):
            guard !values.contains(where: { isSame($0, value) }) else { return nil }
            let listed = values.prefix(20).map { shown($0) }.joined(separator: ", ")
            return "must be one of \(listed)\(values.count > 20 ? ", …" : "")"
        case .constant(let constant):
            return isSame(value, constant) ? nil : "must be \(shown(constant))"
        default:
            break
        }
        switch value {
        case .integer, .number, .literal: return numericComplaint(of: check, about: value)
        case .string(let text): return textComplaint(of: check, about: text)
        case .array(let elements): return arrayComplaint(of: check, about: elements)
        case .object(let object):
            switch check {
            case .minProperties(let least) where object.count < least:
                return "must have at least \(least) members, has \(object.count)"
            case .maxProperties(let most) where object.count > most:
                return "must have at most \(most) members, has \(object.count)"
            default: return nil
            }
        default: return nil
        }
    }

    /// Equality that, other than Swift's, tells apart texts with the same look and different code points.
    private static func isSame(_ left: JSONValue, _ right: JSONValue) -> Bool {
        guard left == right else { return false }
        switch (left, right) {
        case (.string(let left), .string(let right)): return left.utf8.elementsEqual(right.utf8)
        case (.array, _), (.object, _): return left.canonicalJSON == right.canonicalJSON
        default: return true
        }
    }

    private static func fits(_ value: JSONValue, _ type: SchemaType) -> Bool {
        switch (type, value) {
        case (.null, .null), (.boolean, .bool), (.string, .string), (.array, .array), (.object, .object): true
        case (.number, .integer), (.number, .number), (.number, .literal), (.integer, .integer): true
        case (.integer, .number(let double)): double == double.rounded()
        case (.integer, .literal):
            DecimalNumber(value)?.isWhole ?? (value.doubleValue.map { $0 == $0.rounded() } ?? false)
        default: false
        }
    }

    private static func numericComplaint(of check: SchemaCheck, about value: JSONValue) -> String? {
        switch check {
        case .minimum(let bound): isLess(value, bound) ? "must be at least \(shown(bound))" : nil
        case .maximum(let bound): isLess(bound, value) ? "must be at most \(shown(bound))" : nil
        case .exclusiveMinimum(let bound): isLess(bound, value) ? nil : "must be greater than \(shown(bound))"
        case .exclusiveMaximum(let bound): isLess(value, bound) ? nil : "must be less than \(shown(bound))"
        case .multipleOf(let factor): isMultiple(value, of: factor) ? nil : "must be a multiple of \(shown(factor))"
        default: nil
        }
    }

    private static func isLess(_ left: JSONValue, _ right: JSONValue) -> Bool {
        if case .integer(let left) = left, case .integer(let right) = right { return left < right }
        guard let left = left.doubleValue, let right = right.doubleValue else { return false }
        return left < right
    }

    private static func isMultiple(_ value: JSONValue, of factor: JSONValue) -> Bool {
        if case .integer(let value) = value, case .integer(let factor) = factor { return value % factor == 0 }
        if let value = DecimalNumber(value), let factor = DecimalNumber(factor) { return value.isMultiple(of: factor) }
        // Beyond 38 digits a double's answer has to do.
        guard let value = value.doubleValue, let factor = factor.doubleValue else { return false }
        return value.isFinite && value.truncatingRemainder(dividingBy: factor) == 0
    }

    private static func textComplaint(of check: SchemaCheck, about text: String) -> String? {
        switch check {
        case .minLength(let least):
            let count = text.unicodeScalars.count
            return count < least ? "must have at least \(least) characters, has \(count)" : nil
        case .maxLength(let most):
            let count = text.unicodeScalars.count
            return count > most ? "must have at most \(most) characters, has \(count)" : nil
        case .pattern(let source, let matches):
            return matches(text) ? nil : "must match \(source)"
        case .format(let format):
            return format.accepts(text) ? nil : "must be a \(format.rawValue)"
        default:
            return nil
        }
    }

    private static func arrayComplaint(of check: SchemaCheck, about elements: [JSONValue]) -> String? {
        switch check {
        case .minItems(let least) where elements.count < least:
            return "must have at least \(least) elements, has \(elements.count)"
        case .maxItems(let most) where elements.count > most:
            return "must have at most \(most) elements, has \(elements.count)"
        case .uniqueItems:
            var seen: [JSONValue: Int] = [:]
            for (index, element) in elements.enumerated() {
                if let first = seen.updateValue(index, forKey: element) {
                    return "elements \(first) and \(index) are equal"
                }
            }
            return nil
        default:
            return nil
        }
    }

    private static func shown(_ value: JSONValue) -> String {
        let text = value.jsonText
        return text.utf8.count <= 100 ? text : String(text.prefix(99)) + "…"
    }
}
