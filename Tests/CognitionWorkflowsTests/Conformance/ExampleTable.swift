import CognitionCore

/// What becomes of one of the standard's examples.
struct Example: Sendable {
    enum Expectation: Sendable {
        /// It is accepted at creation, and each run comes to its end.
        case runs([Run])
        /// It is accepted at creation; to run it would take what a test has not, as the note says.
        case accepted(String)
        /// It is refused at creation with just these messages.
        case refused([String])
    }

    struct Run: Sendable {
        var input: JSONValue
        /// `nil` where it is not the same each time.
        var output: JSONValue?
        /// Type and status of the error that it ends with.
        var fault: (type: String, status: Int)?
        /// Its requests, as `METHOD URL AUTHORIZATION`, without those for tokens and for documents that describe an API;
        /// `nil` where their order or number is not the same each time.
        var asks: [String]?
        /// So many of its first requests are answered with 503.
        var failures = 0
    }

    var expectation: Expectation

    static func completes(
        _ input: JSONValue = [:], _ output: JSONValue?, asks: [String]? = [], failures: Int = 0
    ) -> Example {
        Example(
            expectation: .runs([Run(input: input, output: output, asks: asks, failures: failures)]))
    }

    static func accepted(_ note: String) -> Example {
        Example(expectation: .accepted(note))
    }

    static func refused(_ messages: String...) -> Example { Example(expectation: .refused(messages)) }
}

extension Example {
    private static let store = "https://petstore.swagger.io/v2/pet/"
    private static let pet: JSONValue = ["id": 1, "name": "Milou", "status": "available"]
    private static let unfinished = (type: "https://serverlessworkflow.io/errors/not-implemented", status: 500)
    private static let needsEvents = "it waits for events that others send"
    private static let asyncapi = """
        calls of 'asyncapi' are not supported: this server speaks no message broker's protocol; use 'emit' and \
        'listen', or 'http' to reach a gateway
        """
    private static let container = """
        'run' of a container is not supported: it takes a container engine with rights of its own; use 'script' or \
        'shell', which run in a sandbox
        """

    /// Every example, by its file.
    static let table: [String: Example] = [
        "accumulate-room-readings.yaml": .accepted(needsEvents),
        "authentication-bearer-uri-format.yaml":
            .completes(["petId": 1, "token": "t"], pet, asks: ["GET \(store)1 Bearer t"]),
        "authentication-bearer.yaml": .completes(["token": "t"], pet, asks: ["GET \(store)1 Bearer t"]),
        "authentication-oauth2-secret.yaml": .accepted("it needs a secret"),
        "authentication-oauth2.yaml":
            .completes(["petId": 1], pet, asks: ["GET \(store)1 Bearer token-of-keycloak"]),
        "authentication-oidc-secret.yaml": .accepted("it needs a secret"),
        "authentication-oidc.yaml":
            .completes(["petId": 1], pet, asks: ["GET \(store)1 Bearer token-of-keycloak"]),
        "authentication-reusable.yaml":
            .completes(["petId": 1, "token": "t"], pet, asks: ["GET \(store)1 Bearer t"]),
        "call-asyncapi-publish.yaml": .refused(asyncapi),
        "call-asyncapi-subscribe-consume-amount.yaml": .refused(asyncapi),
        "call-asyncapi-subscribe-consume-forever-foreach.yaml": .refused(asyncapi),
        "call-asyncapi-subscribe-consume-until.yaml": .refused(asyncapi),
        "call-asyncapi-subscribe-consume-while.yaml": .refused(asyncapi),
        "call-custom-function-cataloged.yaml":
            .completes(
                [:], "[information] Hello, world!",
                asks: [
                    "GET https://raw.githubusercontent.com/serverlessworkflow/catalog/main/functions/log/1.0.0/function.yaml"
                ]),
        "call-custom-function-inline.yaml":
            .completes(
                [:], ["id": 69, "name": "Milou", "status": "available"], asks: ["GET \(store)69"]),
        "call-grpc.yaml":
            .refused(
                """
                calls of 'grpc' are not supported: they take a protocol and descriptions of services of their own; use \
                'http' to reach a gateway
                """),
        "call-http-endpoint-interpolation-shorthand.yaml": .completes(["petId": 1], pet, asks: ["GET \(store)1"]),
        "call-http-endpoint-interpolation.yaml": .completes(["petId": 1], pet, asks: ["GET \(store)1"]),
        "call-http-query-headers-expressions.yaml":
            .completes(
                ["searchQuery": "r2"], ["count": 1, "results": [["name": "R2-D2"]]],
                asks: ["GET https://swapi.dev/api/people/?search=r2"]),
        "call-http-query-parameters.yaml":
            .completes(
                ["searchQuery": "r2"], ["count": 1, "results": [["name": "R2-D2"]]],
                asks: ["GET https://swapi.dev/api/people/?search=r2"]),
        "call-http-redirect.yaml":
            .completes(
                ["searchQuery": "moved"], ["count": 1, "results": [["name": "R2-D2"]]],
                asks: [
                    "GET https://swapi.dev/api/people/?search=moved", "GET https://swapi.dev/api/people/?search=r2",
                ]),
        "call-mcp.yaml": .accepted("it starts a program of npm"),
        "call-openapi-redirect.yaml":
            .completes([:], [pet], asks: ["GET \(store)findByStatus?status=available"]),
        "call-openapi.yaml":
            .completes([:], [pet], asks: ["GET \(store)findByStatus?status=available"]),
        "conditional-task.yaml": Example(
            expectation: .runs([
                Run(
                    input: ["customer": ["age": 20]],
                    output: ["accepted": ["customer": ".customer", "bet": ".bet"]],
                    asks: ["POST https://superbet-casinos.com/api/bet/on/football"]),
                Run(
                    input: ["customer": ["age": 17]],
                    fault: (type: "https://superbet-casinos.com/customer/access-forbidden", status: 400), asks: []),
            ])),
        // The second task's input has no petId.
        "do-multiple.yaml":
            .completes(
                ["petId": 1], ["id": 1, "name": "Milou", "status": "sold"], asks: ["GET \(store)1", "PUT \(store)"]),
        "do-single.yaml": .completes(["petId": 1], pet, asks: ["GET \(store)1"]),
        "emit.yaml": .completes([:], nil),
        "for.yaml": .accepted(needsEvents),
        "fork.yaml":
            .completes(
                ["patient": ["fullName": "P"], "room": ["number": 7]], ["accepted": ["patientId": "P", "room": 7]],
                asks: nil),
        "listen-to-all read-envelope.yaml": .accepted(needsEvents),
        "listen-to-all.yaml": .accepted(needsEvents),
        "listen-to-any-filter.yaml": .accepted(needsEvents),
        "listen-to-any-forever-foreach.yaml": .accepted(needsEvents),
        "listen-to-any-until-condition.yaml": .accepted(needsEvents),
        "listen-to-any-until-consumed.yaml": .accepted(needsEvents),
        "listen-to-any.yaml": .accepted(needsEvents),
        "listen-to-one.yaml": .accepted(needsEvents),
        "mock-service-extension.yaml": .completes([:], ["sample": true], asks: ["GET https://fake.com/sample"]),
        "raise-inline.yaml": Example(expectation: .runs([Run(input: [:], fault: unfinished, asks: [])])),
        "raise-reusable.yaml": Example(expectation: .runs([Run(input: [:], fault: unfinished, asks: [])])),
        "run-container-cleanup-always.yaml": .refused(container),
        "run-container-cleanup-eventually.yaml": .refused(container),
        "run-container-stdin-and-arguments.yaml": .refused(container),
        "run-container-with-name.yaml": .refused(container),
        "run-container-with-pull-policy.yaml": .refused(container),
        "run-container.yaml": .refused(container),
        "run-return-all.yaml": .refused(container),
        "run-return-code.yaml": .refused(container),
        "run-return-none.yaml": .refused(container),
        "run-return-stderr.yaml": .refused(container),
        "run-script-with-stdin-and-arguments.yaml": .accepted("it needs Node.js and a sandbox"),
        "run-shell-stdin-and-arguments.yaml": .accepted("it needs a sandbox"),
        "run-subflow.yaml": .completes(["user": "U"], ["registered": ".user"]),
        "schedule-cron.yaml": .accepted("it is started by the time"),
        "schedule-event-driven.yaml": .accepted(needsEvents),
        "set-expression.yaml": .accepted(needsEvents),
        "set.yaml": .accepted(needsEvents),
        "star-wars-homeworld.yaml":
            .completes(
                ["id": 1], ["name": "Tatooine"],
                asks: ["GET https://swapi.dev/api/people/1", "GET https://swapi.dev/api/planets/1/"]),
        "switch-then-string.yaml": Example(
            expectation: .runs([
                Run(input: ["orderType": "electronic"], output: ["validate": true, "status": "fulfilled"], asks: []),
                Run(
                    input: ["orderType": "physical"],
                    output: ["inventory": "clear", "items": 1, "address": "Elmer St"], asks: []),
                Run(input: ["orderType": "?"], output: ["log": "warn", "message": "something's wrong"], asks: []),
            ])),
        "try-catch-retry-inline.yaml":
            .completes(["petId": 1], pet, asks: Array(repeating: "GET \(store)1", count: 3), failures: 2),
        "try-catch-retry-reusable.yaml":
            .completes(["petId": 1], pet, asks: Array(repeating: "GET \(store)1", count: 3), failures: 2),
        "try-catch-then.yaml":
            .completes(["petId": "none"], ["error": "$error"], asks: ["GET \(store)none"]),
        "try-catch.yaml": .completes(["petId": "none"], ["petId": "none"], asks: ["GET \(store)none"]),
        "wait-duration-inline.yaml": .completes(["a": 1], ["a": 1]),
        "wait-duration-iso8601.yaml": .completes(["a": 1], ["a": 1]),
    ]
}
