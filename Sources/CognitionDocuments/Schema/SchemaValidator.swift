import CognitionCore

/// One validation of one value.
struct SchemaValidator {
    /// Schemas inside one another on the way to a part of a value, for which any thread's stack is enough.
    static let quickDepthMax = 64
    /// The same for a stack of 16 MiB; deeper values are faulty.
    static let depthMax = 2_000
    /// Schemas applied in all; ends schemas that try alternatives inside alternatives without end.
    static let stepsMax = 5_000_000

    /// Which parts of the value at hand some schema has looked at.
    struct Evaluated {
        var names: Set<String> = []
        /// Elements before this index.
        var prefix = 0
        var indexes: Set<Int> = []

        mutating func merge(_ other: Evaluated) {
            if names.isEmpty { names = other.names } else { names.formUnion(other.names) }
            prefix = max(prefix, other.prefix)
            if !other.indexes.isEmpty { indexes.formUnion(other.indexes) }
        }
    }

    /// Faults found so far, at most `limit`; with a limit of 0 only whether there is one counts.
    struct Report {
        let limit: Int
        var faults: [SchemaFault] = []

        var isFull: Bool { faults.count >= limit }
    }

    let schema: JSONSchema
    let depthMax: Int
    private(set) var isTooDeep = false
    private var steps = 0
    private var depth = 0
    private var path: [PathStep] = []
    /// The resources entered on the way, outermost first.
    private var scope: [Int] = []

    enum PathStep {
        case member(String)
        case element(Int)
    }

    init(schema: JSONSchema, depthMax: Int) {
        self.schema = schema
        self.depthMax = depthMax
    }

    mutating func faults(in value: JSONValue, atMost: Int) -> [SchemaFault] {
        var report = Report(limit: atMost)
        var evaluated = Evaluated()
        _ = check(schema.root, value, &evaluated, &report)
        return report.faults
    }

    /// - Returns: Whether the value fits; faults are added to `report` and what was looked at to `evaluated`.
    mutating func check(
        _ index: Int, _ value: JSONValue, _ evaluated: inout Evaluated, _ report: inout Report
    ) -> Bool {
        let node = schema.nodes[index]
        steps += 1
        guard steps <= SchemaValidator.stepsMax, depth < depthMax else {
            if depth >= depthMax { isTooDeep = true }
            let reason = depth >= depthMax ? "is nested too deeply to be checked" : "takes too long to be checked"
            return fail(node, "", reason, &report)
        }
        depth += 1
        let outer = scope.count
        if scope.last != node.resource { scope.append(node.resource) }
        defer {
            depth -= 1
            scope.removeLast(scope.count - outer)
        }
        var own = Evaluated()
        var fits = true
        for rule in node.rules where !check(rule, of: node, value, &own, &report) {
            fits = false
            if report.isFull || isTooDeep { return false }
        }
        if fits, schema.tracksEvaluation { evaluated.merge(own) }
        return fits
    }

    /// Checks a part of the value at hand.
    mutating func check(_ index: Int, _ value: JSONValue, at step: PathStep, _ report: inout Report) -> Bool {
        path.append(step)
        defer { path.removeLast() }
        var ignored = Evaluated()
        return check(index, value, &ignored, &report)
    }

    /// Whether a part of the value at hand fits, without reasons.
    mutating func fits(_ index: Int, _ value: JSONValue, at step: PathStep) -> Bool {
        var silent = Report(limit: 0)
        return check(index, value, at: step, &silent)
    }

    private mutating func check(
        _ rule: SchemaRule, of node: SchemaNode, _ value: JSONValue, _ own: inout Evaluated, _ report: inout Report
    ) -> Bool {
        switch rule.check {
        case .reference, .dynamicReference, .allOf, .anyOf, .oneOf, .not, .conditional, .dependentSchemas:
            return checkInPlace(rule, of: node, value, &own, &report)
        case .never:
            return fail(node, "", "must not be here", &report)
        default:
            break
        }
        switch value {
        case .array(let elements):
            if let answer = checkArray(rule, of: node, elements, &own, &report) { return answer }
        case .object(let object):
            if let answer = checkObject(rule, of: node, object, &own, &report) { return answer }
        default:
            break
        }
        guard let message = SchemaValidator.complaint(of: rule.check, about: value) else { return true }
        return fail(node, rule.keyword, message, &report)
    }

    func fail(
        _ node: SchemaNode, _ keyword: String, _ message: @autoclosure () -> String, _ report: inout Report,
        at step: PathStep? = nil
    ) -> Bool {
        guard !report.isFull else { return false }
        let tokens = (path + (step.map { [$0] } ?? [])).map { step in
            switch step {
            case .member(let name): name
            case .element(let index): String(index)
            }
        }
        report.faults.append(
            SchemaFault(
                instance: JSONPointer(tokens: tokens),
                schema: keyword.isEmpty ? node.pointer : node.pointer.appending(keyword), message: message()))
        return false
    }
}

extension SchemaValidator {
    private mutating func checkInPlace(
        _ rule: SchemaRule, of node: SchemaNode, _ value: JSONValue, _ own: inout Evaluated, _ report: inout Report
    ) -> Bool {
        switch rule.check {
        case .reference(let target):
            return check(target, value, &own, &report)
        case .dynamicReference(let fallback, let targets):
            let target = scope.lazy.compactMap { targets[$0] }.first ?? fallback
            return check(target, value, &own, &report)
        case .allOf(let nodes):
            var fits = true
            for index in nodes where !check(index, value, &own, &report) {
                fits = false
                if report.isFull { break }
            }
            return fits
        case .anyOf(let nodes):
            return checkAny(of: nodes, rule, node, value, &own, &report)
        case .oneOf(let nodes):
            return checkOne(of: nodes, rule, node, value, &own, &report)
        case .not(let index):
            var silent = Report(limit: 0)
            var ignored = Evaluated()
            let fits = check(index, value, &ignored, &silent)
            return fits ? fail(node, rule.keyword, "fits what it must not be", &report) : !isTooDeep
        case .conditional(let condition, let then, let otherwise):
            var silent = Report(limit: 0)
            let applies = check(condition, value, &own, &silent)
            guard let next = applies ? then : otherwise else { return true }
            return check(next, value, &own, &report)
        case .dependentSchemas(let schemas):
            guard case .object(let object) = value else { return true }
            var fits = true
            for (name, index) in schemas where object[name] != nil && !check(index, value, &own, &report) {
                fits = false
                if report.isFull { break }
            }
            return fits
        default:
            return true
        }
    }

    private mutating func checkAny(
        of nodes: [Int], _ rule: SchemaRule, _ node: SchemaNode, _ value: JSONValue, _ own: inout Evaluated,
        _ report: inout Report
    ) -> Bool {
        var fits = false
        var branches: [[SchemaFault]] = []
        for index in nodes {
            var branch = Report(limit: fits ? 0 : report.limit)
            if check(index, value, &own, &branch) {
                fits = true
                // The others only matter for what they evaluate.
                if !schema.tracksEvaluation { break }
            } else {
                branches.append(branch.faults)
            }
        }
        return fits || failAlternatives(rule, node, branches, &report)
    }

    private mutating func checkOne(
        of nodes: [Int], _ rule: SchemaRule, _ node: SchemaNode, _ value: JSONValue, _ own: inout Evaluated,
        _ report: inout Report
    ) -> Bool {
        var fitting: [Int] = []
        var branches: [[SchemaFault]] = []
        for (place, index) in nodes.enumerated() {
            var branch = Report(limit: fitting.isEmpty ? report.limit : 0)
            if check(index, value, &own, &branch) {
                fitting.append(place)
                guard fitting.count < 2 else {
                    let both = "fits alternatives \(fitting[0] + 1) and \(place + 1), but must fit only one"
                    return fail(node, rule.keyword, both, &report)
                }
            } else {
                branches.append(branch.faults)
            }
        }
        return fitting.count == 1 || failAlternatives(rule, node, branches, &report)
    }

    /// Says that no alternative fits, and adds the faults of the one that failed deepest inside the value.
    private func failAlternatives(
        _ rule: SchemaRule, _ node: SchemaNode, _ branches: [[SchemaFault]], _ report: inout Report
    ) -> Bool {
        _ = fail(node, rule.keyword, "fits none of the \(branches.count) alternatives", &report)
        // A branch is as close as its shallowest fault is deep; of equals the one with fewer faults.
        let ranked = branches.filter { !$0.isEmpty }.map { faults in
            (faults: faults, depth: faults.map(\.instance.tokens.count).min() ?? 0)
        }
        let closest = ranked.max { left, right in
            (left.depth, -left.faults.count) < (right.depth, -right.faults.count)
        }
        guard let closest, closest.depth > path.count || branches.count == 1 else { return false }
        for fault in closest.faults where !report.isFull { report.faults.append(fault) }
        return false
    }
}
