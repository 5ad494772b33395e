import CognitionCore

extension SchemaValidator {
    /// - Returns: Whether the array fits the keyword; `nil` when the keyword is not about arrays.
    mutating func checkArray(
        _ rule: SchemaRule, of node: SchemaNode, _ elements: [JSONValue], _ own: inout Evaluated, _ report: inout Report
    ) -> Bool? {
        switch rule.check {
        case .prefixItems(let nodes):
            own.prefix = max(own.prefix, min(nodes.count, elements.count))
            return checkElements(elements.indices.prefix(nodes.count), { nodes[$0] }, elements, &report)
        case .items(let index, let first):
            own.prefix = elements.count
            return checkElements(elements.indices.dropFirst(first), { _ in index }, elements, &report)
        case .unevaluatedItems(let index):
            let indexes = elements.indices.dropFirst(own.prefix).filter { !own.indexes.contains($0) }
            own.prefix = elements.count
            return checkElements(indexes, { _ in index }, elements, &report)
        case .contains(let index, let least, let most):
            let found = elements.indices.filter { fits(index, elements[$0], at: .element($0)) }
            own.indexes.formUnion(found)
            if found.count < least {
                return fail(
                    node, rule.keyword, "must hold at least \(least) fitting elements, has \(found.count)", &report)
            }
            if let most, found.count > most {
                return fail(
                    node, rule.keyword, "must hold at most \(most) fitting elements, has \(found.count)", &report)
            }
            return true
        default:
            return nil
        }
    }

    private mutating func checkElements(
        _ indexes: some Sequence<Int>, _ node: (Int) -> Int, _ elements: [JSONValue], _ report: inout Report
    ) -> Bool {
        var fits = true
        for index in indexes where !check(node(index), elements[index], at: .element(index), &report) {
            fits = false
            if report.isFull { break }
        }
        return fits
    }

    /// - Returns: Whether the object fits the keyword; `nil` when the keyword is not about objects.
    mutating func checkObject(
        _ rule: SchemaRule, of node: SchemaNode, _ object: JSONObject, _ own: inout Evaluated, _ report: inout Report
    ) -> Bool? {
        switch rule.check {
        case .properties(let nodes):
            return checkMembers(of: object, &own, rule, node, &report) { name, _ in nodes[name].map { [$0] } ?? [] }
        case .patternProperties(let patterns):
            return checkMembers(of: object, &own, rule, node, &report) { name, _ in
                patterns.filter { $0.pattern(name) }.map(\.node)
            }
        case .additionalProperties(let index, let known, let patterns):
            return checkMembers(of: object, &own, rule, node, &report) { name, _ in
                known.contains(name) || patterns.contains { $0(name) } ? [] : [index]
            }
        case .unevaluatedProperties(let index):
            return checkMembers(of: object, &own, rule, node, &report) { name, evaluated in
                evaluated.names.contains(name) ? [] : [index]
            }
        case .propertyNames(let index):
            var fits = true
            for (name, _) in object where !self.fits(index, .string(name), at: .member(name)) {
                fits = fail(node, rule.keyword, "the name '\(name)' is not allowed", &report, at: .member(name))
            }
            return fits
        case .required(let names):
            var fits = true
            for name in names where object[name] == nil {
                fits = fail(node, rule.keyword, "the member '\(name)' is missing", &report)
            }
            return fits
        case .dependentRequired(let needs):
            var fits = true
            for (name, needs) in needs where object[name] != nil {
                for need in needs where object[need] == nil {
                    fits = fail(node, rule.keyword, "the member '\(need)' is missing, which '\(name)' needs", &report)
                }
            }
            return fits
        default:
            return nil
        }
    }

    /// Checks each member against the nodes that are chosen for it by its name and what was looked at before.
    private mutating func checkMembers(
        of object: JSONObject, _ own: inout Evaluated, _ rule: SchemaRule, _ node: SchemaNode, _ report: inout Report,
        _ nodes: (String, Evaluated) -> [Int]
    ) -> Bool {
        var fits = true
        for (name, value) in object {
            for index in nodes(name, own) {
                if schema.nodes[index].isNever {
                    fits = fail(
                        node, rule.keyword, "the member '\(name)' is not known here", &report, at: .member(name))
                } else if !check(index, value, at: .member(name), &report) {
                    fits = false
                }
                if schema.tracksEvaluation { own.names.insert(name) }
                if !fits, report.isFull { return false }
            }
        }
        return fits
    }
}
