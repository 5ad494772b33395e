package import CognitionCore
import CognitionDocuments
import CognitionExpressions

/// How the text of a definition is written.
package enum DefinitionFormat: String, Sendable, CaseIterable {
    /// JSON when it begins with `{` and is JSON, else YAML.
    case auto
    case yaml
    case json
}

extension WorkflowDefinition {
    /// Reads a definition and checks everything about it that can be known before it runs.
    ///
    /// - Throws: ``DefinitionError`` with every fault and its line.
    package init(
        reading text: String, format: DefinitionFormat = .auto, context: DefinitionContext
    ) throws(DefinitionError) {
        guard text.utf8.count <= DefinitionReader.bytesMax else { throw DefinitionReader.tooLarge }
        let limits = DefinitionReader.yamlLimits
        let positioned: PositionedDocument
        do {
            positioned =
                switch format {
                case .auto: try PositionedDocument(yamlOrJSON: text, limits: limits)
                case .yaml: try PositionedDocument(yaml: text, limits: limits)
                case .json: try PositionedDocument(json: text, limits: limits)
                }
        } catch {
            throw DefinitionError([
                DefinitionFault(pointer: "", line: error.line, column: error.column, message: error.reason)
            ])
        }
        try self.init(positioned.value, context) { DefinitionFault($0, in: positioned, text: text) }
    }

    /// Reads a definition that is no longer text, e.g. a stored one; its faults have no lines.
    ///
    /// - Throws: ``DefinitionError``.
    package init(document: JSONValue, context: DefinitionContext) throws(DefinitionError) {
        guard document.isNested(atMost: DefinitionReader.depthMax) else {
            throw DefinitionError([
                DefinitionFault(
                    pointer: "", line: nil, column: nil,
                    message: "lists and objects lie at most \(DefinitionReader.depthMax) deep inside one another")
            ])
        }
        try self.init(document, context) { DefinitionFault($0) }
    }

    private init(
        _ document: JSONValue, _ context: DefinitionContext, locate: (DefinitionReader.Fault) -> DefinitionFault
    ) throws(DefinitionError) {
        let canonical = document.canonicalJSON
        guard canonical.count <= DefinitionReader.bytesMax else { throw DefinitionReader.tooLarge }
        let reader = DefinitionReader(context: context)
        let parts = reader.workflow(document)
        guard reader.faults.isEmpty else {
            let faults = reader.faults.map(locate).enumerated().sorted { left, right in
                (left.element.line ?? 0, left.element.column ?? 0, left.offset)
                    < (right.element.line ?? 0, right.element.column ?? 0, right.offset)
            }
            throw DefinitionError(faults.map(\.element))
        }
        let missing = reader.use.missing.sorted { $0.name < $1.name }
        guard missing.isEmpty else {
            throw DefinitionError(
                missing.map {
                    DefinitionFault(pointer: "", line: nil, column: nil, message: "\($0.url) was not fetched")
                }, missing: MissingDocuments(documents: missing, id: parts.head.id, hash: SHA256Digest(of: canonical)))
        }
        self.init(
            document: document, hash: SHA256Digest(of: canonical), id: parts.head.id, version: parts.head.version,
            title: parts.head.title, summary: parts.head.summary, tags: parts.head.tags, input: parts.input,
            output: parts.output, timeout: parts.timeout, tasks: parts.tasks, schedule: parts.schedule,
            taskCount: reader.taskCount, fetched: reader.use.fetched)
    }
}

extension DefinitionReader {
    static let yamlLimits = YAMLLimits(bytesMax: bytesMax, depthMax: depthMax, nodesMax: 500_000)

    static var tooLarge: DefinitionError {
        DefinitionError([
            DefinitionFault(pointer: "", line: nil, column: nil, message: "a definition has at most \(bytesMax) bytes")
        ])
    }
}

extension DefinitionFault {
    /// A fault of a document that has no text.
    fileprivate init(_ fault: DefinitionReader.Fault) {
        var message = fault.message
        if let position = fault.expression?.position {
            message += " (line \(position.line), column \(position.column) of the expression)"
        }
        self.init(pointer: fault.place.pointer.description, line: nil, column: nil, message: message)
    }

    /// A fault of a document with text: where the expression's own fault is, if that can be found, else where its part
    /// is.
    fileprivate init(_ fault: DefinitionReader.Fault, in document: PositionedDocument, text: String) {
        let pointer = fault.place.pointer
        let start = document.position(of: pointer)
        guard let (source, position) = fault.expression, let position else {
            self.init(pointer: pointer.description, line: start.line, column: start.column, message: fault.message)
            return
        }
        let found = ExpressionPlace.find(source, after: start, in: text, at: position)
        let message =
            found == nil
            ? fault.message + " (line \(position.line), column \(position.column) of the expression)" : fault.message
        self.init(
            pointer: pointer.description, line: found?.line ?? start.line, column: found?.column ?? start.column,
            message: message)
    }
}

/// Finds the place of an expression's fault in the text of the document around it.
enum ExpressionPlace {
    /// Looks for the expression's lines, one after the other, from where its part of the document begins. What the
    /// document writes otherwise, with escapes or folded lines, is not found.
    static func find(
        _ source: String, after start: SourcePosition, in text: String, at position: ExpressionError.Position
    ) -> SourcePosition? {
        let lines = text.unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" }
        let wanted = source.unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" }
        guard position.line <= wanted.count, start.line <= lines.count else { return nil }
        var line = start.line - 1
        var column = start.column - 1
        var hasBegun = false
        for (index, scalars) in wanted.enumerated() {
            let indentation = scalars.prefix { $0 == " " || $0 == "\t" }.count
            let trimmed = Array(scalars.dropFirst(indentation))
            // A line without text can be told only by its neighbours.
            guard !trimmed.isEmpty else {
                if index == position.line - 1 { return nil }
                line += hasBegun ? 1 : 0
                continue
            }
            guard let place = place(of: trimmed, in: lines, fromLine: line, column: column, onlyThere: hasBegun) else {
                return nil
            }
            if index == position.line - 1 {
                let inside = position.column - 1 - indentation
                return SourcePosition(line: place.line + 1, column: max(0, place.column + inside) + 1)
            }
            hasBegun = true
            line = place.line + 1
            column = 0
        }
        return nil
    }

    private static func place(
        of wanted: [Unicode.Scalar], in lines: [String.UnicodeScalarView.SubSequence], fromLine: Int, column: Int,
        onlyThere: Bool
    ) -> (line: Int, column: Int)? {
        for line in fromLine..<max(fromLine, onlyThere ? min(fromLine + 1, lines.count) : lines.count) {
            let scalars = Array(lines[line])
            var first = line == fromLine ? column : 0
            while first + wanted.count <= scalars.count {
                if scalars[first..<(first + wanted.count)].elementsEqual(wanted) { return (line, first) }
                first += 1
            }
        }
        return nil
    }
}

extension JSONValue {
    /// Whether arrays and objects lie at most so deep inside one another; looks no deeper than that.
    fileprivate func isNested(atMost depth: Int) -> Bool {
        switch self {
        case .array(let elements): depth > 0 && elements.allSatisfy { $0.isNested(atMost: depth - 1) }
        case .object(let object): depth > 0 && object.values.allSatisfy { $0.isNested(atMost: depth - 1) }
        default: true
        }
    }
}
