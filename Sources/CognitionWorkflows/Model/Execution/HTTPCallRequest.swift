import CognitionCore
import Foundation

extension HTTPCallDefinition {
    /// Evaluates the request; what does not evaluate to what HTTP needs is an expression error.
    func request(_ input: JSONValue, scope: ExpressionScope) throws -> HTTPCallRequest {
        var scope = scope
        let authorization = try endpoint.authentication?.evaluate(input, scope: scope)
        if let authorization {
            scope.define(["authorization": authorization.json])
        }
        guard let method = try method.evaluate(input, scope: scope).stringValue, !method.isEmpty else {
            throw WorkflowFault(.expression, "with.method does not give a string")
        }
        var headers: [(name: String, value: String)] = []
        for (name, value) in try Self.members(of: self.headers, "headers", input, scope: scope) {
            if let text = Self.text(of: value) { headers.append((name, text)) }
        }
        return HTTPCallRequest(
            method: method.uppercased(), url: try url(input, scope: scope), headers: headers,
            body: try body?.evaluate(input, scope: scope), output: output, redirect: redirect,
            authorization: authorization)
    }

    private func url(_ input: JSONValue, scope: ExpressionScope) throws -> String {
        let url: String
        switch endpoint.address {
        case .uriTemplate(let template):
            url = try template.expand(input)
        case .expression(let expression):
            guard let text = try expression.evaluate(input, scope: scope).stringValue else {
                throw WorkflowFault(.expression, "with.endpoint does not give a string")
            }
            url = text
        }
        var query = ""
        for (name, value) in try Self.members(of: self.query, "query", input, scope: scope) {
            let values = value.arrayValue ?? [value]
            for value in values {
                guard let text = Self.text(of: value) else { continue }
                query += query.isEmpty ? "" : "&"
                query += name.percentEncodedForQuery + "=" + text.percentEncodedForQuery
            }
        }
        guard !query.isEmpty else { return url }
        let (base, fragment) = url.split(atFirst: "#")
        let separator = base.contains("?") ? (base.hasSuffix("?") || base.hasSuffix("&") ? "" : "&") : "?"
        return base + separator + query + fragment
    }

    private static func members(
        of template: Template?, _ what: String, _ input: JSONValue, scope: ExpressionScope
    ) throws -> JSONObject {
        guard let value = try template?.evaluate(input, scope: scope), !value.isNull else { return [:] }
        guard case .object(let members) = value else {
            throw WorkflowFault(.expression, "with.\(what) does not give an object")
        }
        return members
    }

    /// A value as a header or parameter shows it; null is left out.
    private static func text(of value: JSONValue) -> String? {
        switch value {
        case .null: nil
        case .string(let text): text
        default: value.jsonText
        }
    }
}

extension Authentication {
    /// The scheme and parameter of the `Authorization` header (RFC 7617, RFC 6750).
    func evaluate(_ input: JSONValue, scope: ExpressionScope) throws -> HTTPCallRequest.Authorization {
        func text(_ template: Template, _ what: String) throws -> String {
            guard let text = try template.evaluate(input, scope: scope).stringValue else {
                throw WorkflowFault(.authentication, "\(what) does not give a string")
            }
            return text
        }
        switch self {
        case .basic(let username, let password):
            let pair = try text(username, "basic.username") + ":" + text(password, "basic.password")
            return .init(scheme: "Basic", parameter: Data(pair.utf8).base64EncodedString())
        case .bearer(let token):
            return .init(scheme: "Bearer", parameter: try text(token, "bearer.token"))
        }
    }
}

extension HTTPCallRequest.Authorization {
    fileprivate var json: JSONValue { ["scheme": .string(scheme), "parameter": .string(parameter)] }
}

extension String {
    /// RFC 3986: all but the unreserved characters are encoded.
    fileprivate var percentEncodedForQuery: String {
        var text = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return text
    }

    /// The text before a character, and the text from it on.
    fileprivate func split(atFirst separator: Character) -> (String, String) {
        guard let place = firstIndex(of: separator) else { return (self, "") }
        return (String(self[..<place]), String(self[place...]))
    }
}
