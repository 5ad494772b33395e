import CognitionCore
import CognitionRedis

extension Doctor {
    /// Whether the Redis server that the settings name takes a connection.
    var redis: [Diagnosis] {
        get async {
            let options: RedisOptions
            do {
                guard let given = try configuration.redis else { return [] }
                options = given
            } catch {
                return []  // said of the settings already
            }
            do {
                let start = ContinuousClock.now
                let version = try await RedisClient.probe(options)
                let took = ContinuousClock.now - start
                return [
                    Diagnosis(
                        name: "redis", status: .ok,
                        message: "Redis \(version) takes a connection within \(Double(took.microseconds) / 1_000) ms",
                        details: ["version": .string(version)])
                ]
            } catch {
                return [
                    Diagnosis(
                        name: "redis", status: .warning,
                        message: (error as? any CodedError).map { "\($0.message) [\($0.code.name)]" } ?? "\(error)",
                        advice:
                            "check REDIS_*, and that the server is up; without it nodes hear of each other a little later"
                    )
                ]
            }
        }
    }
}
