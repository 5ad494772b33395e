import CognitionCore
import CognitionEvents
import CognitionIdentity
import CognitionWorkflows
import HTTPTypes

/// An error as clients get it: RFC 9457 `application/problem+json`.
struct Problem: Sendable {
    static let mediaType = "application/problem+json"

    let status: HTTPResponse.Status
    let code: ErrorCode
    private let detail: String
    private let details: JSONObject
    var headers = HTTPFields()

    /// What is not one of our errors is an internal one, of which the client learns nothing but the request's id.
    init(_ error: any Error) {
        switch error {
        case let error as DefinitionError:
            self.init(error, details: ["faults": .array(error.faults.map(\.json))])
        case let error as RequestError:
            self.init(error, details: error.details)
        case let error as EventError:
            self.init(error, details: Self.details(of: error))
        case let error as any CodedError:
            self.init(error, details: [:])
        default:
            self.init(RequestError(.internalError, "something went wrong inside the server"), details: [:])
        }
    }

    private init(_ error: any CodedError, details: JSONObject) {
        code = error.code
        status = Self.status(of: error.code)
        // The message of an internal error may tell what is nobody's business.
        detail = error.category == .internal ? "something went wrong inside the server" : error.message
        self.details = details
        headers[.wwwAuthenticate] = Challenge(to: code, status)?.text
        if code == .contentCodingUnsupported { headers[.acceptEncoding] = "identity" }
        if let wait = (error as? RequestError)?.retryAfter {
            headers[.retryAfter] = String(wait.components.seconds)
        } else if let wait = (error as? IdentityError)?.retryAfter {
            headers[.retryAfter] = String(wait.components.seconds + 1)
        } else if error.category == .unavailable {
            headers[.retryAfter] = "1"
        }
    }

    private static func details(of error: EventError) -> JSONObject {
        var details: JSONObject = [:]
        if let version = error.actualVersion { details["actual_version"] = .integer(version) }
        if !error.faults.isEmpty {
            details["faults"] = .array(
                error.faults.map { fault in
                    var members: JSONObject = [
                        "pointer": .string(fault.pointer.description), "message": .string(fault.message),
                    ]
                    if let reason = fault.reason { members["reason"] = .string(reason) }
                    return .object(members)
                })
        }
        return details
    }

    func json(requestID: String) -> JSONValue {
        var members: JSONObject = [
            "type": .string("urn:cognitionos:error:\(code.name)"),
            "title": .string(Self.titles[code.category] ?? "Error"),
            "status": .integer(Int64(status.code)),
            "detail": .string(detail),
            "code": .string(code.name),
            "request_id": .string(requestID),
        ]
        members.merge(details)
        return .object(members)
    }

    static func status(of code: ErrorCode) -> HTTPResponse.Status {
        if let exact = exactStatus[code] { return exact }
        return status(of: code.category)
    }

    static func status(of category: ErrorCategory) -> HTTPResponse.Status {
        switch category {
        case .invalid: .badRequest
        case .unauthenticated: .unauthorized
        case .forbidden: .forbidden
        case .notFound: .notFound
        case .gone: .gone
        case .conflict: .conflict
        case .limited: .tooManyRequests
        case .unsupported: .unprocessableContent
        case .unavailable: .serviceUnavailable
        case .internal: .internalServerError
        }
    }

    /// Where the category alone does not say it.
    private static let exactStatus: [ErrorCode: HTTPResponse.Status] = [
        .methodNotAllowed: .methodNotAllowed,
        .mediaTypeUnsupported: .unsupportedMediaType,
        .contentCodingUnsupported: .unsupportedMediaType,
        .bodyTooLarge: .contentTooLarge,
        .inputTooLarge: .contentTooLarge,
        .schemaTooLarge: .contentTooLarge,
    ]

    private static let titles: [ErrorCategory: String] = [
        .invalid: "The request is not valid",
        .unauthenticated: "Authentication is needed",
        .forbidden: "Not permitted",
        .notFound: "Not found",
        .gone: "Not here any more",
        .conflict: "The request conflicts with what is there",
        .limited: "A limit was reached",
        .unsupported: "Not supported",
        .unavailable: "Not available at the moment",
        .internal: "Internal error",
    ]
}
