import CognitionCore

extension SchemaCompiler {
    /// The check of a keyword without subschemas; `nil` for another keyword.
    static func assertion(
        _ keyword: String, _ value: JSONValue, at pointer: JSONPointer
    ) throws(SchemaError) -> SchemaCheck? {
        switch keyword {
        case "type": return .types(try types(value, at: pointer))
        case "enum":
            guard let values = value.arrayValue else { throw SchemaError("'enum' must be a list", at: pointer) }
            return .enumeration(values)
        case "const": return .constant(value)
        case "minimum": return .minimum(try number(value, at: pointer))
        case "maximum": return .maximum(try number(value, at: pointer))
        case "exclusiveMinimum": return .exclusiveMinimum(try number(value, at: pointer))
        case "exclusiveMaximum": return .exclusiveMaximum(try number(value, at: pointer))
        case "multipleOf":
            guard let factor = try number(value, at: pointer).doubleValue, factor > 0 else {
                throw SchemaError("'multipleOf' must be greater than 0", at: pointer)
            }
            return .multipleOf(value)
        case "minLength": return .minLength(try count(value, at: pointer))
        case "maxLength": return .maxLength(try count(value, at: pointer))
        case "minItems": return .minItems(try count(value, at: pointer))
        case "maxItems": return .maxItems(try count(value, at: pointer))
        case "minProperties": return .minProperties(try count(value, at: pointer))
        case "maxProperties": return .maxProperties(try count(value, at: pointer))
        case "uniqueItems":
            guard let isUnique = value.boolValue else {
                throw SchemaError("'uniqueItems' must be a boolean", at: pointer)
            }
            return isUnique ? .uniqueItems : nil
        case "required": return .required(try strings(value, at: pointer))
        case "dependentRequired":
            var result: [(name: String, needs: [String])] = []
            for (name, needs) in try object(value, at: pointer) {
                result.append((name, try strings(needs, at: pointer.appending(name))))
            }
            return .dependentRequired(result)
        case "format":
            guard let name = value.stringValue else { throw SchemaError("'format' must be a string", at: pointer) }
            return SchemaFormat(rawValue: name).map { .format($0) }
        default:
            return nil
        }
    }

    private static func types(_ value: JSONValue, at pointer: JSONPointer) throws(SchemaError) -> [SchemaType] {
        var result: [SchemaType] = []
        for name in value.arrayValue ?? [value] {
            guard let type = name.stringValue.flatMap(SchemaType.init(rawValue:)) else {
                throw SchemaError("\(name.jsonText) is not the name of a type", at: pointer)
            }
            result.append(type)
        }
        return result
    }

    private static func number(_ value: JSONValue, at pointer: JSONPointer) throws(SchemaError) -> JSONValue {
        guard value.doubleValue != nil else {
            throw SchemaError("'\(pointer.tokens.last ?? "")' must be a number", at: pointer)
        }
        return value
    }

    static func count(_ value: JSONValue, at pointer: JSONPointer) throws(SchemaError) -> Int {
        guard let count = value.integerValue, count >= 0 else {
            throw SchemaError("'\(pointer.tokens.last ?? "")' must be a whole number that is not negative", at: pointer)
        }
        return Int(count)
    }

    /// The same of a keyword that may be missing and stands beside the one at `pointer`.
    static func count(
        _ keyword: String, of schema: JSONObject, beside pointer: JSONPointer
    ) throws(SchemaError) -> Int? {
        guard let value = schema[keyword] else { return nil }
        return try count(value, at: (pointer.parent ?? .root).appending(keyword))
    }

    static func object(_ value: JSONValue, at pointer: JSONPointer) throws(SchemaError) -> JSONObject {
        guard let object = value.objectValue else {
            throw SchemaError("'\(pointer.tokens.last ?? "")' must be an object", at: pointer)
        }
        return object
    }

    static func strings(_ value: JSONValue, at pointer: JSONPointer) throws(SchemaError) -> [String] {
        var result: [String] = []
        for element in value.arrayValue ?? [.null] {
            guard let name = element.stringValue else {
                throw SchemaError("'\(pointer.tokens.last ?? "")' must be a list of strings", at: pointer)
            }
            result.append(name)
        }
        return result
    }
}
