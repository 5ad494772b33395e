import CognitionCore

/// Turns a syntax tree into nodes: resolves names to slots, expands functions that do not call themselves in place, and
/// evaluates what is constant.
final class Compiler {
    private var functions: [Function?] = []
    private var library: [String: FunctionEntry] = [:]
    private let main = FunctionContext(level: 0)
    private var providedSlots: [String: Int] = [:]
    private var nodesLeft = ExpressionLimits.nodesMax
    /// Nodes that expanding in place may still make; then all functions get frames.
    private var expansionLeft = 10_000
    private var expansionDepth = 0
    private var depth = 0
    private var depthReached = 0
    private lazy var folding = Machine(
        Program(main: IdentityNode(), functions: [], slots: 0, usedVariables: [], parameterSlots: [], nesting: 0),
        ExpressionLimits(steps: 10_000, depth: 100, bytesMax: 16 << 10), stackBudget: 1 << 30)

    private init() {}

    static func compile(_ source: String, variables: [String]) throws(ExpressionError) -> Program {
        do throws(SyntaxFault) {
            return try Compiler().program(try Parser.parse(source), variables)
        } catch {
            if error.isLimit { throw .limitExceeded(error.reason) }
            throw .invalid(error.reason, at: position(of: error.offset, in: source))
        }
    }

    private static func position(of offset: Int, in source: String) -> ExpressionError.Position {
        let before = source.utf8.prefix(offset)
        let line = 1 + before.count { $0 == 10 }
        let lineStart = before.lastIndex(of: 10).map { source.utf8.index(after: $0) } ?? source.startIndex
        let column = 1 + source.utf8[lineStart..<before.endIndex].count { $0 & 0xC0 != 0x80 }
        return ExpressionError.Position(line: line, column: column)
    }

    private func program(_ tree: Syntax, _ variables: [String]) throws(SyntaxFault) -> Program {
        let scope = variables.reduce(nil as Scope?) { Scope(.provided($1), in: $0) }
        let node = try compile(tree, scope, main, isTail: false)
        return Program(
            main: node, functions: functions.compactMap { $0 }, slots: main.slots,
            usedVariables: Set(providedSlots.keys), parameterSlots: variables.map { providedSlots[$0] },
            nesting: depthReached)
    }

    // MARK: Nodes

    func compile(
        _ syntax: Syntax, _ scope: Scope?, _ context: FunctionContext, isTail: Bool = false
    ) throws(SyntaxFault) -> Node {
        nodesLeft -= 1
        depth += 1
        depthReached = max(depthReached, depth)
        defer { depth -= 1 }
        if expansionDepth > 0 { expansionLeft -= 1 }
        guard nodesLeft > 0, depth <= ExpressionLimits.nestingMax * 2 else {
            throw SyntaxFault(reason: "the expression is too large", offset: syntax.offset, isLimit: true)
        }
        func sub(_ syntax: Syntax, isTail: Bool = false) throws(SyntaxFault) -> Node {
            try compile(syntax, scope, context, isTail: isTail)
        }
        switch syntax.kind {
        case .identity: return IdentityNode()
        case .recurse: return RecurseNode(nil)
        case .literal(let value): return LiteralNode(value)
        case .string(let format, let parts): return try string(format, parts, syntax, scope, context)
        case .format(let name): return FormatNode(try Format.named(name, at: syntax.offset))
        case .index(let base, let key, let isOptional): return index(try sub(base), try sub(key), isOptional)
        case .slice(let base, let from, let to, let isOptional):
            let from = try from.map(or: LiteralNode(.null)) { (from) throws(SyntaxFault) in try sub(from) }
            let to = try to.map(or: LiteralNode(.null)) { (to) throws(SyntaxFault) in try sub(to) }
            return index(try sub(base), SliceKeyNode(from: from, to: to), isOptional)
        case .iterate(let base, let isOptional): return Self.pipe([try sub(base), IterateNode(isOptional: isOptional)])
        case .attempt(let body, let handler):
            return TryNode(
                try sub(body), handler: try handler.map(or: nil) { (node) throws(SyntaxFault) in try sub(node) })
        case .variable(let name): return try variable(name, syntax, scope, context)
        case .location(let line):
            return LiteralNode(.object(["file": "<top-level>", "line": .integer(Int64(line))]))
        case .call(let name, let arguments): return try call(name, arguments, syntax, scope, context, isTail)
        case .array(nil): return LiteralNode(.array([]))
        case .array(let filter?):
            let node = try sub(filter)
            if let literal = node as? LiteralNode { return LiteralNode(.array([literal.literal])) }
            return folded(CollectNode(node), from: (node as? CommaNode)?.alternatives)
        case .object(let members): return try object(members, scope, context)
        case .negate(let operand):
            let node = try sub(operand)
            return folded(NegateNode(node), from: [node])
        case .pipe(let stages):
            var nodes: [Node] = []
            for (index, stage) in stages.enumerated() {
                let isTail = isTail && index == stages.count - 1 && nodes.allSatisfy { $0.cardinality != .many }
                nodes.append(try sub(stage, isTail: isTail))
            }
            return Self.pipe(nodes)
        case .comma(let alternatives):
            var nodes: [Node] = []
            for (index, alternative) in alternatives.enumerated() {
                nodes.append(try sub(alternative, isTail: isTail && index == alternatives.count - 1))
            }
            return CommaNode(nodes)
        case .binary(let name, let left, let right):
            let (left, right) = (try sub(left), try sub(right))
            return folded(BinaryNode(name, left, right), from: [left, right])
        case .and(let left, let right): return LogicNode(isAnd: true, try sub(left), try sub(right))
        case .or(let left, let right): return LogicNode(isAnd: false, try sub(left), try sub(right))
        case .alternative(let left, let right): return AlternativeNode(try sub(left), try sub(right, isTail: isTail))
        case .assign(.update, let paths, let filter): return UpdateNode(try sub(paths), try sub(filter))
        case .assign(let name, let paths, let source): return AssignNode(try sub(paths), name, try sub(source))
        case .condition(let test, let then, let otherwise):
            let test = try sub(test)
            let isTail = isTail && test.cardinality != .many
            let then = try sub(then, isTail: isTail)
            guard let otherwise else { return ConditionNode(test, then: then, otherwise: IdentityNode()) }
            return ConditionNode(test, then: then, otherwise: try sub(otherwise, isTail: isTail))
        case .define(let definition, let rest):
            let entry = FunctionEntry(definition, scope: scope, level: context.level)
            return try compile(rest, Scope(.function(entry), in: scope), context, isTail: isTail)
        case .label(let name, let body):
            let slot = context.newSlot()
            let inner = Scope(.label(name, level: context.level, slot: slot), in: scope)
            return LabelNode(slot: slot, try compile(body, inner, context))
        case .leave(let name):
            for case .label(name, let level, let slot) in scope.entries {
                return BreakNode(hops: context.level - level, slot: slot)
            }
            throw SyntaxFault(reason: "$*label-\(name) is not defined", offset: syntax.offset)
        case .bind(let source, let patterns, let body):
            return try bind(source, patterns, body, scope, context, isTail)
        case .reduce(let source, let patterns, let initial, let update):
            let (source, inner) = try self.source(source, patterns, scope, context)
            return ReduceNode(source, initial: try sub(initial), update: try compile(update, inner, context))
        case .foreach(let source, let patterns, let initial, let update, let extract):
            let (source, inner) = try self.source(source, patterns, scope, context)
            return ForeachNode(
                source, initial: try sub(initial), update: try compile(update, inner, context),
                extract: try extract.map(or: nil) { (node) throws(SyntaxFault) in try self.compile(node, inner, context)
                })
        }
    }

    /// Filters one after the other, without needless ones.
    static func pipe(_ nodes: [Node]) -> Node {
        var stages: [Node] = []
        for node in nodes.flatMap({ ($0 as? PipeNode)?.stages ?? [$0] }) where !(node is IdentityNode) {
            if let fields = node as? FieldsNode, let before = stages.last as? FieldsNode {
                stages[stages.count - 1] = FieldsNode(before.names + fields.names)
            } else {
                stages.append(node)
            }
        }
        switch stages.count {
        case 0: return IdentityNode()
        case 1: return stages[0]
        default: return PipeNode(stages)
        }
    }

    private func index(_ base: Node, _ key: Node, _ isOptional: Bool) -> Node {
        if !isOptional, let literal = key as? LiteralNode, case .string(let name) = literal.literal {
            return Self.pipe([base, FieldsNode([name])])
        }
        if key is LiteralNode || key is VariableNode || base is IdentityNode {
            return Self.pipe([base, IndexNode(base: nil, key: key, isOptional: isOptional)])
        }
        return IndexNode(base: base, key: key, isOptional: isOptional)
    }

    /// A literal instead of the node when all that it depends on is literal and it evaluates without an error.
    private func folded(_ node: Node, from parts: [Node]?) -> Node {
        guard let parts, node.cardinality == .one, parts.allSatisfy({ $0 is LiteralNode }) else { return node }
        do throws(Unwind) {
            let value = try node.value(.null, 0, folding)
            return folding.hasNonFinite ? node : LiteralNode(value)
        } catch {
            return node
        }
    }

    private func string(
        _ format: String?, _ parts: [StringPart], _ syntax: Syntax, _ scope: Scope?, _ context: FunctionContext
    ) throws(SyntaxFault) -> Node {
        var nodes: [StringNode.Part] = []
        for part in parts {
            switch part {
            case .text(let text): nodes.append(.text(text))
            case .value(let value): nodes.append(.value(try compile(value, scope, context)))
            }
        }
        return StringNode(
            nodes,
            format: try format.map(or: .text) { (name) throws(SyntaxFault) in
                try Format.named(name, at: syntax.offset)
            })
    }

    private func object(
        _ members: [(key: Syntax, value: Syntax)], _ scope: Scope?, _ context: FunctionContext
    ) throws(SyntaxFault) -> Node {
        var nodes: [(key: ObjectNode.Key, value: Node)] = []
        for (key, value) in members {
            let keyNode = try compile(key, scope, context)
            let valueNode = try compile(value, scope, context)
            if let literal = keyNode as? LiteralNode, case .string(let name) = literal.literal {
                nodes.append((.constant(name), valueNode))
            } else {
                nodes.append((.computed(keyNode), valueNode))
            }
        }
        let isConstant = nodes.allSatisfy { member in
            if case .constant = member.key { member.value is LiteralNode } else { false }
        }
        return folded(ObjectNode(nodes), from: isConstant ? [] : nil)
    }

    // MARK: Variables

    private func variable(
        _ name: String, _ syntax: Syntax, _ scope: Scope?, _ context: FunctionContext
    ) throws(SyntaxFault) -> Node {
        for entry in scope.entries {
            switch entry {
            case .variable(name, let level, let slot): return VariableNode(hops: context.level - level, slot: slot)
            case .provided(name):
                let slot = providedSlots[name] ?? main.newSlot()
                providedSlots[name] = slot
                return VariableNode(hops: context.level, slot: slot)
            default: continue
            }
        }
        if name == "ENV" || name == "__prog_args" {
            throw SyntaxFault(reason: "$\(name) is not available in expressions", offset: syntax.offset)
        }
        throw SyntaxFault(reason: "$\(name) is not defined", offset: syntax.offset)
    }

    private func bind(
        _ source: Syntax, _ patterns: [Pattern], _ body: Syntax, _ scope: Scope?, _ context: FunctionContext,
        _ isTail: Bool
    ) throws(SyntaxFault) -> Node {
        if patterns.count == 1, case .variable(let name) = patterns[0] {
            let source = try compile(source, scope, context)
            let slot = context.newSlot()
            let inner = Scope(.variable(name, level: context.level, slot: slot), in: scope)
            let isTail = isTail && source.cardinality != .many
            return BindNode(source, slot: slot, try compile(body, inner, context, isTail: isTail))
        }
        let (node, inner) = try self.source(source, patterns, scope, context)
        return DestructureNode(node.source, node.matchers, slots: node.slots, try compile(body, inner, context))
    }

    /// A source with its patterns, and the scope in which their variables are known.
    private func source(
        _ source: Syntax, _ patterns: [Pattern], _ scope: Scope?, _ context: FunctionContext
    ) throws(SyntaxFault) -> (DestructureNode, Scope?) {
        let node = try compile(source, scope, context)
        var slots: [String: Int] = [:]
        var inner = scope
        for name in patterns.flatMap(\.names) where slots[name] == nil {
            let slot = context.newSlot()
            slots[name] = slot
            inner = Scope(.variable(name, level: context.level, slot: slot), in: inner)
        }
        var matchers: [Matcher] = []
        for pattern in patterns { matchers.append(try matcher(pattern, slots, inner, context)) }
        return (DestructureNode(node, matchers, slots: slots.values.sorted(), IdentityNode()), inner)
    }

    private func matcher(
        _ pattern: Pattern, _ slots: [String: Int], _ scope: Scope?, _ context: FunctionContext
    ) throws(SyntaxFault) -> Matcher {
        switch pattern {
        case .variable(let name): return .variable(slot: slots[name] ?? 0)
        case .array(let elements):
            var matchers: [Matcher] = []
            for element in elements { matchers.append(try matcher(element, slots, scope, context)) }
            return .array(matchers)
        case .object(let members):
            var matchers: [(key: Node, slot: Int?, matcher: Matcher?)] = []
            for (key, name, pattern) in members {
                let inner = try pattern.map(or: nil) { (pattern) throws(SyntaxFault) -> Matcher? in
                    try self.matcher(pattern, slots, scope, context)
                }
                matchers.append((try compile(key, scope, context), name.flatMap { slots[$0] }, inner))
            }
            return .object(matchers)
        }
    }

    // MARK: Calls

    private func call(
        _ name: String, _ arguments: [Syntax], _ syntax: Syntax, _ scope: Scope?, _ context: FunctionContext,
        _ isTail: Bool
    ) throws(SyntaxFault) -> Node {
        for entry in scope.entries {
            switch entry {
            case .function(let function)
            where function.definition.name == name && function.definition.parameters.count == arguments.count:
                return try call(function, arguments, scope, context, isTail)
            case .argument(name, let argument, let argumentScope) where arguments.isEmpty:
                return try compile(argument, argumentScope, context)
            case .filter(name, let level, let index) where arguments.isEmpty:
                return FilterCallNode(hops: context.level - level, index: index)
            case .valueFilter(name, let level, let slot) where arguments.isEmpty:
                return VariableNode(hops: context.level - level, slot: slot)
            default: continue
            }
        }
        let build = BuiltinBuilder(name: name, arguments: arguments) { (argument) throws(SyntaxFault) in
            try self.compile(argument, scope, context)
        }
        if let node = try build.node() { return node }
        let key = "\(name)/\(arguments.count)"
        if let definition = Prelude.definitions[key] {
            let entry = library[key] ?? FunctionEntry(definition, scope: nil, level: 0)
            library[key] = entry
            return try call(entry, arguments, scope, context, isTail)
        }
        if let reason = Builtins.unavailable[name] {
            throw SyntaxFault(reason: "\(key) is not available in expressions: \(reason)", offset: syntax.offset)
        }
        throw SyntaxFault(reason: "\(key) is not defined", offset: syntax.offset)
    }

    private func call(
        _ function: FunctionEntry, _ arguments: [Syntax], _ scope: Scope?, _ context: FunctionContext, _ isTail: Bool
    ) throws(SyntaxFault) -> Node {
        if function.definition.isRecursive || expansionLeft <= 0 || expansionDepth > 32 {
            return try frameCall(function, arguments, scope, context, isTail)
        }
        expansionDepth += 1
        defer { expansionDepth -= 1 }
        var inner: Scope? = function.bodyScope
        var bindings: [(source: Node, slot: Int)] = []
        for (parameter, argument) in zip(function.definition.parameters, arguments) {
            guard parameter.isValue else {
                inner = Scope(.argument(parameter.name, argument, scope), in: inner)
                continue
            }
            let slot = context.newSlot()
            bindings.append((try compile(argument, scope, context), slot))
            inner = Scope(.variable(parameter.name, level: context.level, slot: slot), in: inner)
            inner = Scope(.argument(parameter.name, argument, scope), in: inner)
        }
        let isTail = isTail && bindings.allSatisfy { $0.source.cardinality != .many }
        let body = try compile(function.definition.body, inner, context, isTail: isTail)
        return bindings.reversed().reduce(body) { BindNode($1.source, slot: $1.slot, $0) }
    }

    /// A call with a frame; the function is compiled at its first one.
    private func frameCall(
        _ function: FunctionEntry, _ arguments: [Syntax], _ scope: Scope?, _ context: FunctionContext, _ isTail: Bool
    ) throws(SyntaxFault) -> Node {
        var nodes: [CallNode.Argument] = []
        for (parameter, argument) in zip(function.definition.parameters, arguments) {
            if parameter.isValue {
                nodes.append(.value(try compile(argument, scope, context)))
                continue
            }
            let node = try compile(argument, scope, context)
            if let passed = node as? FilterCallNode {
                nodes.append(.passed(hops: passed.hops, index: passed.index))
            } else {
                nodes.append(.filter(node))
            }
        }
        let index = if let known = function.index { known } else { try self.function(function) }
        return CallNode(
            function: index, hops: context.level - function.level, arguments: nodes, isTail: isTail)
    }

    private func function(_ entry: FunctionEntry) throws(SyntaxFault) -> Int {
        let index = functions.count
        functions.append(nil)
        entry.index = index
        let context = FunctionContext(level: entry.level + 1)
        var scope: Scope? = entry.bodyScope
        var filters = 0
        for parameter in entry.definition.parameters {
            if parameter.isValue {
                let slot = context.newSlot()
                scope = Scope(.variable(parameter.name, level: context.level, slot: slot), in: scope)
                scope = Scope(.valueFilter(parameter.name, level: context.level, slot: slot), in: scope)
            } else {
                scope = Scope(.filter(parameter.name, level: context.level, index: filters), in: scope)
                filters += 1
            }
        }
        let body = try compile(entry.definition.body, scope, context, isTail: true)
        functions[index] = Function(name: entry.definition.name, slots: context.slots, body: body)
        return index
    }
}

extension Optional where Wrapped: Sendable {
    /// `map` with a fallback for `nil`, for closures that throw syntax faults.
    fileprivate func map<Result>(
        or fallback: Result, _ transform: (Wrapped) throws(SyntaxFault) -> Result
    ) throws(SyntaxFault) -> Result {
        if let self { try transform(self) } else { fallback }
    }
}
