/// Sentences about parts of the DSL that are not there: what to do instead, or that they come later.
enum Unsupported {
    static func call(_ name: String) -> String {
        let reason: String? =
            switch name {
            case "grpc":
                "they take a protocol and descriptions of services of their own; use 'http' to reach a gateway"
            case "asyncapi":
                "this server speaks no message broker's protocol; use 'emit' and 'listen', or 'http' to reach a gateway"
            case "a2a":
                "agents are reached with 'http', which speaks the JSON-RPC of their protocol"
            default: nil
            }
        guard let reason else { return "calls of '\(name)' are not supported yet: they come with a later release" }
        return "calls of '\(name)' are not supported: \(reason)"
    }

    static func run(_ process: String) -> String {
        guard process == "container" else {
            return "'run' of a \(process) is not supported yet: it comes with a later release"
        }
        return """
            'run' of a container is not supported: it takes a container engine with rights of its own; use 'script' or \
            'shell', which run in a sandbox
            """
    }

    static func authentication(_ scheme: String) -> String {
        switch scheme {
        case "certificate":
            """
            authentication by 'certificate' is not supported: certificates of clients are not kept here; put a proxy \
            that holds them before the service
            """
        default: "authentication by '\(scheme)' is not supported yet: it comes with a later release"
        }
    }
}
