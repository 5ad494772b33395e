import CognitionCore
import Yams

/// Reads YAML 1.2 into JSON's data model.
///
/// Refused with a place: more than one document, repeated keys, merge keys (`<<`), tags outside the core schema, keys
/// that are no scalars, `.inf` and `.nan`, and whatever exceeds the limits. A key keeps its text: `200:` is the member
/// `200`. Yams composes the tree of nodes; what a scalar means is decided here.
struct YAMLReader {
    private let limits: YAMLLimits
    private var nodes = 0

    static func read(_ text: String, limits: YAMLLimits) throws(YAMLError) -> (JSONValue, PositionTree) {
        guard text.utf8.count <= limits.bytesMax else {
            let reason = "The document has \(text.utf8.count) bytes; at most \(limits.bytesMax) are read"
            throw YAMLError(reason, at: .start, code: .documentTooLarge)
        }
        guard !AliasGuard.refuses(text) else {
            throw YAMLError("The document has too many aliases", at: .start, code: .documentTooLarge)
        }
        return try withLargeStack { () -> Result<(JSONValue, PositionTree), YAMLError> in
            do throws(YAMLError) {
                guard let root = try compose(text) else {
                    return .success((.null, PositionTree(position: .start)))
                }
                var reader = YAMLReader(limits: limits)
                return .success(try reader.convert(root, depth: 0))
            } catch {
                return .failure(error)
            }
        }.get()
    }

    private init(limits: YAMLLimits) { self.limits = limits }

    private static func compose(_ text: String) throws(YAMLError) -> Node? {
        do {
            return try Parser(yaml: text, resolver: .basic, constructor: .default, encoding: .utf8).singleRoot()
        } catch let error as YamlError {
            throw YAMLError(error, in: text)
        } catch {
            throw YAMLError("The document cannot be read as YAML", at: .start)
        }
    }

    private mutating func convert(_ node: Node, depth: Int) throws(YAMLError) -> (JSONValue, PositionTree) {
        let position = SourcePosition(node.mark)
        nodes += 1
        guard nodes <= limits.nodesMax else {
            let reason = "The document has more than \(limits.nodesMax) values, counting what its aliases repeat"
            throw YAMLError(reason, at: position, code: .documentTooLarge)
        }
        guard depth <= limits.depthMax else {
            let reason = "The document is nested deeper than \(limits.depthMax) levels"
            throw YAMLError(reason, at: position, code: .documentTooLarge)
        }
        switch node {
        case .scalar(let scalar):
            return (try convert(scalar, at: position), PositionTree(position: position))
        case .sequence(let sequence):
            try checkTag(sequence.tag, is: "seq", at: position)
            return try convert(sequence, at: position, depth: depth)
        case .mapping(let mapping):
            try checkTag(mapping.tag, is: "map", at: position)
            return try convert(mapping, at: position, depth: depth)
        case .alias:
            throw YAMLError("The alias cannot be resolved", at: position)
        }
    }

    private mutating func convert(
        _ sequence: Node.Sequence, at position: SourcePosition, depth: Int
    ) throws(YAMLError) -> (JSONValue, PositionTree) {
        var elements: [JSONValue] = []
        var tree = PositionTree(position: position)
        for node in sequence {
            let (value, positions) = try convert(node, depth: depth + 1)
            elements.append(value)
            tree.children.append(positions)
        }
        return (.array(elements), tree)
    }

    private mutating func convert(
        _ mapping: Node.Mapping, at position: SourcePosition, depth: Int
    ) throws(YAMLError) -> (JSONValue, PositionTree) {
        var object = JSONObject(minimumCapacity: mapping.count)
        var tree = PositionTree(position: position)
        for (key, node) in mapping {
            let keyPosition = SourcePosition(key.mark)
            let name = try name(key, at: keyPosition)
            let (value, positions) = try convert(node, depth: depth + 1)
            guard object.updateValue(value, forKey: name) == nil else {
                throw YAMLError("The key '\(name)' stands here a second time", at: keyPosition)
            }
            tree.children.append(PositionTree(position: keyPosition, children: positions.children))
        }
        return (.object(object), tree)
    }

    private func name(_ key: Node, at position: SourcePosition) throws(YAMLError) -> String {
        guard case .scalar(let scalar) = key else {
            throw YAMLError("A key must be a single word or text, not a list or mapping", at: position)
        }
        let tag = scalar.tag.description
        if scalar.string == "<<", scalar.style == .plain {
            throw YAMLError("Merge keys (<<) are not part of YAML 1.2; write the members out", at: position)
        }
        // Resolved only to refuse a wrong tag; the text is kept.
        if !tag.isEmpty { _ = try convert(scalar, at: position) }
        return scalar.string
    }

    private func convert(_ scalar: Node.Scalar, at position: SourcePosition) throws(YAMLError) -> JSONValue {
        let tag = scalar.tag.description
        guard !tag.isEmpty else {
            // Quoted and block scalars carry the tag of strings.
            return try finite(YAMLScalar(plain: scalar.string), at: position)
        }
        guard tag != "!" else { return .string(scalar.string) }
        guard tag.hasPrefix(coreTagPrefix) else { throw foreignTag(tag, at: position) }
        let type = tag.dropFirst(coreTagPrefix.count)
        if type == "str" { return .string(scalar.string) }
        let value = try finite(YAMLScalar(plain: scalar.string), at: position)
        switch (type, value) {
        case ("null", .null), ("bool", .bool), ("int", .integer), ("float", .integer), ("float", .number),
            ("float", .literal):
            return value
        case ("int", .literal(let text)) where text.utf8.allSatisfy({ $0 == 0x2D || (0x30...0x39).contains($0) }):
            return value
        case ("null", _), ("bool", _), ("int", _), ("float", _):
            throw YAMLError("'\(scalar.string.prefix(64))' does not fit its tag !!\(type)", at: position)
        default:
            throw foreignTag(tag, at: position)
        }
    }

    private func finite(_ scalar: YAMLScalar, at position: SourcePosition) throws(YAMLError) -> JSONValue {
        switch scalar {
        case .value(let value): return value
        case .notFinite:
            throw YAMLError("JSON has no infinity and no NaN; put the text in quotes if it is one", at: position)
        }
    }

    private func checkTag(_ tag: Tag, is type: String, at position: SourcePosition) throws(YAMLError) {
        let name = tag.description
        guard name.isEmpty || name == "!" || name == coreTagPrefix + type else { throw foreignTag(name, at: position) }
    }

    private func foreignTag(_ tag: String, at position: SourcePosition) -> YAMLError {
        YAMLError("The tag '\(tag.prefix(64))' is not one of YAML's core schema for this kind of value", at: position)
    }
}

private let coreTagPrefix = "tag:yaml.org,2002:"

extension SourcePosition {
    fileprivate init(_ mark: Mark?) {
        self = mark.map { SourcePosition(line: max(1, $0.line), column: max(1, $0.column)) } ?? .start
    }
}

extension YAMLError {
    fileprivate init(_ error: YamlError, in text: String) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _):
            let isTooDeep = problem.contains("nesting") || problem.contains("level")
            self.init(
                "The document is not YAML: \(problem)", at: SourcePosition(mark),
                code: isTooDeep ? .documentTooLarge : .documentMalformed)
        case .composer(_, let problem, let mark, _) where problem.contains("another document"):
            self.init("A second document starts here; one text holds one document", at: SourcePosition(mark))
        case .composer(_, let problem, let mark, _):
            self.init("The document is not YAML: \(problem)", at: SourcePosition(mark))
        case .reader(let problem, let offset, _, _):
            self.init("The document is not YAML: \(problem)", at: SourcePosition(offset: offset ?? 0, in: text))
        case .duplicatedKeysInMapping(let names, let context):
            let name = names.first.map { "'\($0.prefix(64))'" } ?? ""
            self.init(
                "The key \(name) that stands here comes again in the same mapping", at: SourcePosition(context.mark))
        case .memory:  // Also what libyaml says when it meets more than 1,000 levels.
            self.init("The document is nested too deeply to be read", at: .start, code: .documentTooLarge)
        default:
            self.init("The document cannot be read as YAML", at: .start)
        }
    }
}

extension SourcePosition {
    /// The place `offset` bytes into `text`.
    fileprivate init(offset: Int, in text: String) {
        var line = 1
        var column = 1
        for byte in text.utf8.prefix(offset) {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.init(line: line, column: column)
    }
}
