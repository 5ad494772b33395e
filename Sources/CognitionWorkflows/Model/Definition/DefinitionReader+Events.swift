import CognitionCore
import CognitionExpressions

// Tasks about events: emit and listen.
extension DefinitionReader {
    /// Filters of one strategy at most.
    private static let filtersMax = 64
    private static let correlationsMax = 16

    func emit(_ node: DocumentNode, _ variables: [String]) -> EmitDefinition? {
        guard let emit = fields(node, of: "'emit'", known: ["event"], required: ["event"]), let event = emit["event"],
            let fields = fields(event, of: "'event'", known: ["with"], required: ["with"]), let with = fields["with"],
            let attributes = map(with, of: "'with' of an event")
        else { return nil }
        for name in ["source", "type"] where attributes[name] == nil {
            report("an event that is emitted needs '\(name)'", at: with)
        }
        for (name, node) in attributes.members where name != "data" { checkAttribute(name, node) }
        return template(with, variables).map(EmitDefinition.init)
    }

    /// An attribute's name, and the value of a constant one.
    private func checkAttribute(_ name: String, _ node: DocumentNode) {
        if !CloudEvent.isAttributeName(name) {
            report("an attribute's name has lower-case letters and digits only, not '\(name.shortened)'", at: node)
        }
        guard node.value.isScalar, !node.value.isNull else {
            return report("'\(name)' of an event must be text, a number or a truth value", at: node)
        }
        guard case .string(let text) = node.value, !TemplateText.hasExpression(text) else { return }
        if let fault = CloudEvent.fault(of: text, as: name) { report("'\(name)' of an event \(fault)", at: node) }
    }

    func listen(_ fields: Fields, _ scope: TaskScope) -> ListenDefinition? {
        guard let node = fields["listen"],
            let listen = self.fields(node, of: "'listen'", known: ["to", "read"], required: ["to"]),
            let to = listen["to"]
        else { return nil }
        let reading: ListenDefinition.Reading? = listen["read"].flatMap { choice($0, "'read'") }
        let iterator = fields["foreach"].map { subscriptionIterator($0, scope) }
        guard let strategy = strategy(to, scope.variables) else { return nil }
        return ListenDefinition(strategy: strategy, read: reading ?? .data, iterator: iterator ?? nil)
    }

    /// - Parameter isNested: It is what another waits for to stop, and has no `until` of its own.
    func strategy(_ node: DocumentNode, _ variables: [String], isNested: Bool = false) -> EventStrategy? {
        let modes = ["one", "any", "all"]
        let what = isNested ? "'until'" : "'to'"
        guard let fields = fields(node, of: what, known: modes + (isNested ? [] : ["until"])) else { return nil }
        let given = modes.filter { fields[$0] != nil }
        guard given.count == 1, let filters = fields[given[0]] else {
            report("\(what) must have exactly one of \(modes.list(lastWord: "and"))", at: node)
            return nil
        }
        let mode = given[0]
        let until = fields["until"]
        if let until, mode != "any" { report("'until' belongs to 'any'; '\(mode)' knows when it ends", at: until) }
        if mode == "one" {
            guard let filter = eventFilter(filters, variables) else { return nil }
            return EventStrategy(mode: .one, filters: [filter])
        }
        guard let nodes = elements(filters, of: "'\(mode)'") else { return nil }
        if nodes.count > Self.filtersMax { report("'\(mode)' has at most \(Self.filtersMax) filters", at: filters) }
        if mode == "all", nodes.isEmpty { report("'all' needs at least one filter", at: filters) }
        let read = nodes.prefix(Self.filtersMax).compactMap { eventFilter($0, variables) }
        guard mode == "any" else { return EventStrategy(mode: .all, filters: read) }
        guard let until else { return EventStrategy(mode: .any(until: .first), filters: read) }
        guard let end = self.until(until, variables) else { return nil }
        return EventStrategy(mode: .any(until: end), filters: read)
    }

    private func until(_ node: DocumentNode, _ variables: [String]) -> EventStrategy.Until? {
        if case .string = node.value {
            return expression(node, "'until'", variables).map(EventStrategy.Until.condition)
        }
        return strategy(node, variables, isNested: true).map(EventStrategy.Until.events)
    }

    private func eventFilter(_ node: DocumentNode, _ variables: [String]) -> EventFilterDefinition? {
        guard let fields = fields(node, of: "an event filter", known: ["with", "correlate"], required: ["with"]),
            let with = fields["with"], let attributes = map(with, of: "'with' of an event filter")
        else { return nil }
        if attributes.object.isEmpty { report("'with' of an event filter needs at least one attribute", at: with) }
        let read = attributes.members.compactMap { name, node in
            filterAttribute(name, node, variables).map { (name: name, attribute: $0) }
        }
        return EventFilterDefinition(attributes: read, correlations: correlations(fields["correlate"], variables))
    }

    private func filterAttribute(
        _ name: String, _ node: DocumentNode, _ variables: [String]
    ) -> EventFilterDefinition.Attribute? {
        guard case .string(let text) = node.value else {
            guard let template = template(node, variables) else { return nil }
            return template.constant.map(EventFilterDefinition.Attribute.equals) ?? .expression(template)
        }
        if TemplateText.hasExpression(text) {
            return template(node, variables).map(EventFilterDefinition.Attribute.expression)
        }
        // Dots are in every type; a text with nothing else special is just itself.
        guard text.contains(where: { #"*+?[](){}|^$\"#.contains($0) }) else { return .equals(node.value) }
        do {
            return .pattern(text, try RegularExpression(#"\A(?:\#(text))\z"#))
        } catch {
            report("'\(name)' is no regular expression: \(error.message)", at: node)
            return nil
        }
    }

    private func correlations(
        _ node: DocumentNode?, _ variables: [String]
    ) -> [EventFilterDefinition.Correlation] {
        guard let node, let given = map(node, of: "'correlate'") else { return [] }
        if given.object.count > Self.correlationsMax {
            report("'correlate' has at most \(Self.correlationsMax) members", at: node)
        }
        return given.members.prefix(Self.correlationsMax).compactMap { name, node in
            guard let fields = fields(node, of: "a correlation", known: ["from", "expect"], required: ["from"]),
                let from = expression(fields["from"], "'from'", variables)
            else { return nil }
            return EventFilterDefinition.Correlation(
                name: name, from: from, expect: textTemplate(fields["expect"], "'expect'", variables))
        }
    }

    private func subscriptionIterator(_ node: DocumentNode, _ scope: TaskScope) -> SubscriptionIterator? {
        guard let fields = fields(node, of: "'foreach'", known: ["item", "at", "do", "output", "export"]) else {
            return nil
        }
        let item = variable(fields["item"], "'item'", default: "item", scope)
        let at = variable(fields["at"], "'at'", default: "index", scope)
        if item == at { report("'item' and 'at' must differ; both are '\(item)'", at: node) }
        let inner = scope.inner(adding: [item, at])
        let body = fields["do"].map { taskList($0, "do", inner) }
        return SubscriptionIterator(
            item: item, at: at, body: body ?? TaskList(reference: node.place.pointer.description + "/do", tasks: []),
            output: output(fields["output"], of: "'foreach'", inner.variables),
            export: export(fields["export"], inner.variables))
    }
}
