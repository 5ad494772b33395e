import CognitionCore

extension OpenAPIOperation {
    /// The request that calls the operation.
    ///
    /// Arguments are parameters by their names. What is left of them is the body: of `body` what it holds, else an object of
    /// all the others; in version 2.0 the body has a name of its own, too.
    /// - Throws: A `WorkflowFault` of type validation for an argument that is missing or unknown; of type configuration for
    ///   what the document asks and this program cannot do.
    func request(
        with arguments: JSONObject, in document: OpenAPIDocument
    ) throws -> (url: String, headers: [(name: String, value: String)], body: JSONValue?) {
        var rest = arguments
        var path = path
        var query: [String] = []
        var headers: [(name: String, value: String)] = []
        var cookies: [String] = []
        var form: JSONObject = [:]
        var body: JSONValue?
        for parameter in parameters {
            var value = rest.removeValue(forKey: parameter.name)
            if parameter.place == .body, value == nil { value = rest.removeValue(forKey: "body") }
            guard let value, !value.isNull else {
                if parameter.isRequired { throw missing(parameter) }
                continue
            }
            switch parameter.place {
            case .path:
                path = path.replacing(
                    "{\(parameter.name)}", with: parameter.text(of: value) { $0.percentEncoded })
            case .query:
                query += parameter.pairs(of: value).map { "\($0.percentEncoded)=\($1.percentEncoded)" }
            case .header:
                headers.append((parameter.name, parameter.text(of: value) { $0 }))
            case .cookie:
                cookies += parameter.pairs(of: value).map { "\($0.percentEncoded)=\($1.percentEncoded)" }
            case .body:
                body = value
            case .formData:
                form[parameter.name] = value
            }
        }
        if !cookies.isEmpty { headers.append(("Cookie", cookies.joined(separator: "; "))) }
        switch document.version {
        case .v2:
            if !form.isEmpty { body = .object(form) }
            if body != nil, let type = try mediaType(ofVersion2: document, isForm: !form.isEmpty) {
                headers.append(("Content-Type", type))
            }
        case .v3:
            if let (value, type) = try self.body(&rest, document) {
                body = value
                headers.append(("Content-Type", type))
            }
        }
        if let unknown = rest.keys.first {
            throw WorkflowFault(.validation, "the operation '\(id)' has no parameter '\(unknown.prefix(100))'")
        }
        var url = try document.base(for: self) + (path.hasPrefix("/") ? path : "/" + path)
        if !query.isEmpty { url += "?" + query.joined(separator: "&") }
        return (url, headers, body)
    }

    private var id: String { String((definition["operationId"]?.stringValue ?? "").prefix(100)) }

    private func missing(_ parameter: OpenAPIParameter) -> WorkflowFault {
        WorkflowFault(
            .validation,
            "the operation '\(id)' needs the \(parameter.place.rawValue) parameter '\(parameter.name.prefix(100))'")
    }

    // MARK: Bodies

    /// What a body may be, the best first.
    private static let formType = "application/x-www-form-urlencoded"

    private func body(
        _ rest: inout JSONObject, _ document: OpenAPIDocument
    ) throws -> (value: JSONValue, type: String)? {
        guard let definition = try definition["requestBody"].map(document.resolve) else { return nil }
        var value = rest.removeValue(forKey: "body")
        if value == nil, !rest.isEmpty {
            value = .object(rest)
            rest = [:]
        }
        guard let value else {
            guard definition["required"]?.boolValue != true else {
                throw WorkflowFault(.validation, "the operation '\(id)' needs 'body'")
            }
            return nil
        }
        let types = definition["content"]?.objectValue?.keys ?? []
        return (value, try mediaType(among: types))
    }

    /// - Returns: `nil` where the document says nothing: JSON, and text for texts.
    private func mediaType(ofVersion2 document: OpenAPIDocument, isForm: Bool) throws -> String? {
        let types = (definition["consumes"] ?? document.root["consumes"])?.arrayValue?.compactMap(\.stringValue) ?? []
        guard isForm else { return types.isEmpty ? nil : try mediaType(among: types) }
        guard types.isEmpty || types.contains(Self.formType) else {
            throw OpenAPIDocument.fault(
                "the operation '\(id)' takes forms only as \(Array(types.prefix(5)).list(lastWord: "or"))")
        }
        return Self.formType
    }

    private func mediaType(among types: [String]) throws -> String {
        func essence(_ type: String) -> String { String(type.lowercased().prefix { $0 != ";" }) }
        if let json = types.first(where: { essence($0) == "application/json" || essence($0).hasSuffix("+json") }) {
            return json
        }
        if types.contains(where: { essence($0) == Self.formType }) { return Self.formType }
        if let text = types.first(where: { essence($0).hasPrefix("text/") }) { return text }
        if types.isEmpty || types.contains(where: { ["*/*", "application/*"].contains(essence($0)) }) {
            return "application/json"
        }
        throw OpenAPIDocument.fault(
            "the operation '\(id)' takes bodies only as \(Array(types.prefix(5)).list(lastWord: "or")), which is not "
                + "supported")
    }
}
