/// Sentences about parts of the DSL that are not there, and what to do instead.
enum Unsupported {
    /// Calls of the DSL that are refused, by name.
    static let calls = [
        "grpc": "they take a protocol and descriptions of services of their own; use 'http' to reach a gateway",
        "asyncapi":
            "this server speaks no message broker's protocol; use 'emit' and 'listen', or 'http' to reach a gateway",
        "a2a": "agents are reached with 'http', which speaks the JSON-RPC of their protocol",
    ]

    static let container = """
        'run' of a container is not supported: it takes a container engine with rights of its own; use 'script' or \
        'shell', which run in a sandbox
        """
}
