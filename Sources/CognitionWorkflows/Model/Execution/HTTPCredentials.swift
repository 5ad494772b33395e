import CognitionCore
import Foundation

/// What a request says who it is with, everything evaluated.
package enum HTTPCredentials: Sendable {
    case basic(username: String, password: String)
    case bearer(token: String)
    case digest(username: String, password: String)
    /// Of `oauth2` and `oidc`.
    case oauth2(OAuth2Settings)

    /// - Throws: A `WorkflowFault` of type authentication, with nothing of the values in it.
    init(_ scheme: Authentication.Scheme, _ members: JSONValue) throws {
        func text(_ name: String) throws -> String {
            guard let text = members[name]?.stringValue else {
                throw WorkflowFault(.authentication, "\(scheme.rawValue).\(name) does not give a string")
            }
            return text
        }
        switch scheme {
        case .basic: self = .basic(username: try text("username"), password: try text("password"))
        case .bearer: self = .bearer(token: try members.stringValue ?? text("token"))
        case .digest: self = .digest(username: try text("username"), password: try text("password"))
        case .oauth2: self = .oauth2(try OAuth2Settings(members, isDiscovered: false))
        case .oidc: self = .oauth2(try OAuth2Settings(members, isDiscovered: true))
        }
    }

    /// Scheme and parameter of the `Authorization` header (RFC 7617, RFC 6750), where they are known without asking anybody.
    var authorization: (scheme: String, parameter: String)? {
        switch self {
        case .basic(let username, let password):
            ("Basic", Data("\(username):\(password)".utf8).base64EncodedString())
        case .bearer(let token):
            ("Bearer", token)
        case .digest, .oauth2:
            nil
        }
    }

    /// What `$authorization` is.
    var descriptor: JSONValue {
        guard let (scheme, parameter) = authorization else { return .null }
        return ["scheme": .string(scheme), "parameter": .string(parameter)]
    }
}
