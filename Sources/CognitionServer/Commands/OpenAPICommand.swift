import ArgumentParser
import CognitionCore
import CognitionHTTP
import CognitionIdentity
import CognitionObservability
import Logging

struct OpenAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi",
        abstract: "Prints the OpenAPI document of the HTTP API, as GET /openapi.json answers it.",
        discussion: "Needs neither a server nor a data folder.")

    func run() async throws {
        try await reporting {
            // Of the release, not of the settings that happen to be in force.
            let configuration = try ServerConfiguration(environment: [:])
            let document = try await Node.withEmptyNode(configuration) { node in
                var random = SystemRandomNumberGenerator()
                let keys = try KeyRing.generate(now: node.clock.now, ids: node.ids, using: &random).signingKeys()
                let identity = try Identity(database: node.database, ids: node.ids, keys: keys)
                let api = Server.api(
                    node, engine: try node.engine(), hub: Server.describingHub(node, identity), identity: identity,
                    state: HealthState(), monitor: HealthMonitor([]), metrics: PrometheusMetrics(),
                    levels: LogLevels(.info))
                return OpenAPIDocument(api).json
            }
            Terminal.write(document.prettyJSONText)
        }
    }
}
