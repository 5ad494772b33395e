import CognitionCore

/// A call of a server of the Model Context Protocol.
package struct MCPCallDefinition: Sendable {
    package enum Method: String, Sendable, CaseIterable {
        case listTools = "tools/list"
        case callTool = "tools/call"
        case listPrompts = "prompts/list"
        case getPrompt = "prompts/get"
        case listResources = "resources/list"
        case readResource = "resources/read"
        case listResourceTemplates = "resources/templates/list"

        /// The member of the result that a list is in, page by page.
        var listed: String? {
            switch self {
            case .listTools: "tools"
            case .listPrompts: "prompts"
            case .listResources: "resources"
            case .listResourceTemplates: "resourceTemplates"
            case .callTool, .getPrompt, .readResource: nil
            }
        }

        /// The parameter that it cannot do without.
        var required: String? {
            switch self {
            case .callTool, .getPrompt: "name"
            case .readResource: "uri"
            default: nil
            }
        }
    }

    package enum Transport: Sendable {
        /// Streamable HTTP: endpoint, headers and whether redirects are followed.
        case http(HTTPCallDefinition)
        /// A program in the sandbox, on its standard input and output.
        case stdio(command: Template, arguments: Template?, environment: Template?, usesNetwork: Bool)
    }

    /// Revisions of the protocol that are spoken, newest first.
    package static let versions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
    package static let standardVersion = "2025-06-18"

    package let version: Template
    package let method: Method
    package let parameters: Template?
    package let timeout: DurationTemplate?
    package let transport: Transport
    /// Name and version of the client; `nil` for this program's own.
    package let client: (name: Template, version: Template)?
}
