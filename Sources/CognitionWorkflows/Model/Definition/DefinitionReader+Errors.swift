import CognitionCore

// Tasks about errors: raise, try, and retry policies.
extension DefinitionReader {
    func raise(_ node: DocumentNode, _ variables: [String]) -> ErrorTemplate? {
        guard let fields = fields(node, of: "'raise'", known: ["error"], required: ["error"]),
            let error = fields["error"]
        else { return nil }
        if case .string(let name) = error.value {
            guard let shared = reusable(.errors, name, at: error) else { return nil }
            return errorTemplate(shared, variables)
        }
        return errorTemplate(error, variables)
    }

    func errorTemplate(_ node: DocumentNode, _ variables: [String]) -> ErrorTemplate? {
        guard
            let fields = fields(
                node, of: "an error", known: ["type", "status", "title", "detail", "instance"],
                required: ["type", "status"])
        else { return nil }
        let type = fields["type"].flatMap { errorType($0, variables) }
        let status = fields["status"].flatMap { errorStatus($0, variables) }
        let title = textTemplate(fields["title"], "'title'", variables)
        let detail = textTemplate(fields["detail"], "'detail'", variables)
        let instance = textTemplate(fields["instance"], "'instance'", variables)
        guard let type, let status else { return nil }
        return ErrorTemplate(type: type, status: status, title: title, detail: detail, instance: instance)
    }

    private func errorType(_ node: DocumentNode, _ variables: [String]) -> Template? {
        guard let text = string(node, "'type' of an error") else { return nil }
        guard !TemplateText.hasExpression(text) else { return template(node, variables) }
        guard AbsoluteURI.scheme(of: text) != nil else {
            report(
                "'type' of an error must be an absolute URI such as https://example.com/errors/refused, not "
                    + "'\(text.shortened)'", at: node)
            return nil
        }
        return compiled(at: node, variables) {
            let uri = try URITemplate(text)
            return uri.names.isEmpty ? Template(constant: .string(text)) : Template(uri: uri)
        }
    }

    private func errorStatus(_ node: DocumentNode, _ variables: [String]) -> Template? {
        if case .string(let text) = node.value, TemplateText.hasExpression(text) { return template(node, variables) }
        return integer(node, "'status' of an error", in: 100...999).map { Template(constant: .integer(Int64($0))) }
    }

    // MARK: Try

    func tryCatch(_ fields: Fields, _ scope: TaskScope) -> TryDefinition? {
        guard let node = fields["try"] else { return nil }
        let body = taskList(node, "try", scope.inner())
        guard let handling = fields["catch"] else {
            report("a 'try' task needs 'catch'", at: fields.node)
            return nil
        }
        guard
            let handler = self.fields(
                handling, of: "'catch'", known: ["errors", "as", "when", "exceptWhen", "retry", "do"])
        else { return nil }
        let variable = variable(handler["as"], "'as'", default: "error", scope)
        let inner = scope.inner(adding: [variable])
        let variables = inner.variables
        return TryDefinition(
            body: body, errors: filter(handler["errors"]), variable: variable,
            when: expression(handler["when"], "'when'", variables),
            exceptWhen: expression(handler["exceptWhen"], "'exceptWhen'", variables),
            retry: handler["retry"].flatMap { retry($0, variables) },
            handler: handler["do"].map { taskList($0, "do", inner) })
    }

    private func filter(_ node: DocumentNode?) -> ErrorFilter {
        guard let node, let errors = fields(node, of: "'errors'", known: ["with"]), let with = errors["with"],
            let fields = fields(
                with, of: "an error filter", known: ["type", "status", "instance", "title", "details", "detail"])
        else { return .all }
        if fields.object.isEmpty { report("an error filter needs at least one member", at: with) }
        if fields["details"] != nil, fields["detail"] != nil {
            report("'detail' and 'details' mean the same; give one", at: fields.place(of: "detail"))
        }
        func constant(_ name: String) -> String? {
            guard let node = fields[name], let text = string(node, "'\(name)' of an error filter") else { return nil }
            if TemplateText.hasExpression(text) {
                report("an error filter compares with constants; use 'when' for expressions", at: node)
            }
            return text
        }
        return ErrorFilter(
            type: constant("type"), status: fields["status"].flatMap { integer($0, "'status'", in: 100...999) },
            instance: constant("instance"), title: constant("title"), detail: constant("details") ?? constant("detail"))
    }

    // MARK: Retry

    /// A policy, or the name of one of `use.retries`.
    private func retry(_ node: DocumentNode, _ variables: [String]) -> RetryDefinition? {
        if case .string(let name) = node.value {
            guard let shared = reusable(.retries, name, at: node) else { return nil }
            return retry(policy: shared, variables)
        }
        return retry(policy: node, variables)
    }

    func retry(policy node: DocumentNode, _ variables: [String]) -> RetryDefinition? {
        guard
            let fields = fields(
                node, of: "a retry policy", known: ["when", "exceptWhen", "delay", "backoff", "limit", "jitter"])
        else { return nil }
        let limit = fields["limit"].flatMap { self.fields($0, of: "'limit'", known: ["attempt", "duration"]) }
        let attempt = limit?["attempt"].flatMap { self.fields($0, of: "'attempt'", known: ["count", "duration"]) }
        return RetryDefinition(
            when: expression(fields["when"], "'when'", variables),
            exceptWhen: expression(fields["exceptWhen"], "'exceptWhen'", variables),
            delay: duration(fields["delay"], variables), backoff: backoff(fields["backoff"]),
            attemptsMax: attempt?["count"].flatMap { integer($0, "'count'", in: 0...1_000_000) },
            attemptDuration: duration(attempt?["duration"], variables),
            totalDuration: duration(limit?["duration"], variables), jitter: jitter(fields["jitter"], variables))
    }

    private func backoff(_ node: DocumentNode?) -> RetryDefinition.Backoff {
        let known = ["constant", "linear", "exponential"]
        guard let node, let fields = fields(node, of: "'backoff'", known: known) else { return .constant }
        let given = known.filter { fields[$0] != nil }
        guard given.count == 1 else {
            report("'backoff' must have exactly one of \(known.list(lastWord: "or"))", at: node)
            return .constant
        }
        if let settings = fields[given[0]] {
            _ = self.fields(settings, of: "'\(given[0])'", known: [])
        }
        return switch given[0] {
        case "linear": .linear
        case "exponential": .exponential
        default: .constant
        }
    }

    private func jitter(
        _ node: DocumentNode?, _ variables: [String]
    ) -> (from: DurationTemplate, to: DurationTemplate)? {
        guard let node,
            let fields = fields(node, of: "'jitter'", known: ["from", "to"], required: ["from", "to"]),
            let from = duration(fields["from"], variables), let to = duration(fields["to"], variables)
        else { return nil }
        if let least = from.constant, let most = to.constant, least > most {
            report("'from' of a jitter must not be longer than its 'to'", at: node)
        }
        return (from, to)
    }
}

extension ErrorFilter {
    static let all = ErrorFilter(type: nil, status: nil, instance: nil, title: nil, detail: nil)

    /// Whether every member that the filter gives equals the fault's; older names of standard types count as the new
    /// ones.
    package func matches(_ fault: WorkflowFault) -> Bool {
        (type.map { ErrorFilter.standardType($0) == ErrorFilter.standardType(fault.type) } ?? true)
            && (status.map { $0 == fault.status } ?? true) && (instance.map { $0 == fault.instance } ?? true)
            && (title.map { $0 == fault.title } ?? true) && (detail.map { $0 == fault.detail } ?? true)
    }

    /// The specification's URI of a standard type that is written as the conformance kit does,
    /// `https://serverlessworkflow.io/dsl/errors/types/communication`; other types as they are.
    package static func standardType(_ type: String) -> String {
        let older = "https://serverlessworkflow.io/dsl/errors/types/"
        guard type.hasPrefix(older),
            let standard = WorkflowFault.Standard(rawValue: String(type.dropFirst(older.count)))
        else { return type }
        return standard.type
    }
}
