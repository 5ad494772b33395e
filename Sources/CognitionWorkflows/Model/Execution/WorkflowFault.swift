package import CognitionCore

/// An error of a workflow, as the DSL describes one (RFC 9457 members; `instance` points at the task that raised it).
package struct WorkflowFault: Error, Sendable, Hashable {
    /// One of the DSL's standard types, or the author's own URI.
    package var type: String
    package var status: Int
    package var title: String?
    package var detail: String?
    /// JSON pointer of the task that raised it, e.g. `/do/0/getPet`.
    package var instance: String?
    /// Whether the effect that has failed so happened all the same; `nil` where type and status have to tell. Not kept.
    package var effectHappened: Bool?

    package init(type: String, status: Int, title: String? = nil, detail: String? = nil, instance: String? = nil) {
        self.type = type
        self.status = status
        self.title = title
        self.detail = detail
        self.instance = instance
    }

    /// The DSL's standard error types, with their default status and title.
    package enum Standard: String, Sendable, CaseIterable {
        case configuration, validation, expression, authentication, authorization, timeout, communication, runtime

        package var type: String { "https://serverlessworkflow.io/spec/1.0.0/errors/\(rawValue)" }

        var status: Int {
            switch self {
            case .configuration, .validation, .expression: 400
            case .authentication: 401
            case .authorization: 403
            case .timeout: 408
            case .communication, .runtime: 500
            }
        }

        var title: String {
            switch self {
            case .configuration: "Configuration Error"
            case .validation: "Validation Error"
            case .expression: "Expression Error"
            case .authentication: "Authentication Error"
            case .authorization: "Authorization Error"
            case .timeout: "Timeout"
            case .communication: "Communication Error"
            case .runtime: "Runtime Error"
            }
        }
    }

    package init(_ standard: Standard, _ detail: String, status: Int? = nil, title: String? = nil) {
        self.init(
            type: standard.type, status: status ?? standard.status, title: title ?? standard.title, detail: detail)
    }

    /// What an error of this program is to a workflow.
    package init(_ error: any Error) {
        switch error {
        case let fault as WorkflowFault:
            self = fault
        case let error as any CodedError:
            self.init(Self.standard(for: error.code), error.message, status: Self.status(for: error.code))
            effectHappened = Self.effectHappened(error.code)
        default:
            self.init(.runtime, String(describing: error))
        }
    }

    private static func standard(for code: ErrorCode) -> Standard {
        if code.name.hasSuffix(".timeout") { return .timeout }
        if code.name.hasPrefix("expression.") { return .expression }
        return switch code.category {
        case .invalid: .validation
        case .unauthenticated: .authentication
        case .forbidden: .authorization
        case .unsupported: .configuration
        case .unavailable, .limited: .communication
        case .notFound, .gone, .conflict, .internal: .runtime
        }
    }

    private static func status(for code: ErrorCode) -> Int? {
        switch code.category {
        case .notFound: 404
        case .conflict: 409
        case .gone: 410
        case .limited: code.name.hasPrefix("expression.") ? nil : 429
        case .unavailable: code.name.hasSuffix(".timeout") ? nil : 503
        default: nil
        }
    }
}

extension WorkflowFault {
    package var json: JSONValue {
        var members: JSONObject = ["type": .string(type), "status": .integer(Int64(status))]
        if let title { members["title"] = .string(title) }
        if let detail { members["detail"] = .string(detail) }
        if let instance { members["instance"] = .string(instance) }
        return .object(members)
    }

    /// Reads what ``json`` wrote; `nil` for anything else.
    package init?(json: JSONValue) {
        guard let type = json["type"]?.stringValue, let status = json["status"]?.integerValue else { return nil }
        self.init(
            type: type, status: Int(status), title: json["title"]?.stringValue, detail: json["detail"]?.stringValue,
            instance: json["instance"]?.stringValue)
    }

    func raised(at reference: String) -> WorkflowFault {
        var fault = self
        if fault.instance == nil { fault.instance = reference }
        return fault
    }
}
