import Testing

/// The server over HTTP. All of these suites share one server; every test has users and workspaces of its own.
@Suite("Server", .liveServer(), .timeLimit(.minutes(2))) struct ServerTests {}
