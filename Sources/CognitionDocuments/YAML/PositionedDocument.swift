package import CognitionCore

/// A document and where in its text each part stands.
package struct PositionedDocument: Sendable {
    package let value: JSONValue
    private let source: Source

    private enum Source: Sendable {
        case yaml(PositionTree)
        /// Positions are looked for in the text when they are asked for.
        case json([UInt8])
    }

    /// Reads YAML 1.2 with the core schema; see `YAMLReader` for what is refused.
    package init(yaml text: String, limits: YAMLLimits = .standard) throws(YAMLError) {
        let (value, positions) = try YAMLReader.read(text, limits: limits)
        self.value = value
        self.source = .yaml(positions)
    }

    /// Reads JSON, with the bounds of YAML; two members of the same name are refused.
    package init(json text: String, limits: YAMLLimits = .standard) throws(YAMLError) {
        let bytes = Array(text.utf8)
        do throws(JSONParsingError) {
            value = try JSONValue(
                parsing: bytes,
                limits: JSONLimits(bytesMax: limits.bytesMax, depthMax: limits.depthMax, allowsRepeatedNames: false))
        } catch {
            throw YAMLError(
                error.reason, at: SourcePosition(line: error.line, column: error.column),
                code: error.category == .limited ? .documentTooLarge : .documentMalformed)
        }
        source = .json(bytes)
    }

    /// Reads a text whose media type is unknown: JSON when it starts with `{` or `[` and is JSON, else YAML.
    package init(yamlOrJSON text: String, limits: YAMLLimits = .standard) throws(YAMLError) {
        let first = text.utf8.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }
        guard first == UInt8(ascii: "{") || first == UInt8(ascii: "[") else {
            try self.init(yaml: text, limits: limits)
            return
        }
        let asJSON: YAMLError
        do throws(YAMLError) {
            try self.init(json: text, limits: limits)
            return
        } catch {
            asJSON = error
        }
        // It may still be YAML in its flow style; if it is neither, JSON's complaint is the one that helps.
        do throws(YAMLError) {
            try self.init(yaml: text, limits: limits)
        } catch {
            throw asJSON
        }
    }

    /// Where the part at `pointer` stands: a member at its name, an element at its first character. Of a part that does
    /// not exist, where the nearest enclosing one stands.
    package func position(of pointer: JSONPointer) -> SourcePosition {
        switch source {
        case .yaml(let tree): tree.position(of: pointer, in: value)
        case .json(let bytes): JSONPositionScanner.position(of: pointer, in: bytes)
        }
    }
}

/// The positions of a value's parts: one child for each element or, in the object's order, each member.
struct PositionTree: Sendable {
    let position: SourcePosition
    var children: [PositionTree] = []

    func position(of pointer: JSONPointer, in value: JSONValue) -> SourcePosition {
        var tree = self
        var value = value
        for token in pointer.tokens {
            let index: Int? =
                switch value {
                case .object(let object): object.keys.firstIndex(of: token)
                case .array: JSONPointer.index(token)
                default: nil
                }
            guard let index, index < tree.children.count, let inner = value.at(JSONPointer(tokens: [token])) else {
                break
            }
            tree = tree.children[index]
            value = inner
        }
        return tree.position
    }
}
