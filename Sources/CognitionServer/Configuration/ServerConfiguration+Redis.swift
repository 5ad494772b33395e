import CognitionCore
import CognitionRedis

extension ServerConfiguration {
    /// The Redis server that the settings name, if they do.
    /// - Throws: `redis.configuration_invalid`; `CommandFailure` for certificates without TLS.
    var redis: RedisOptions? {
        get throws {
            guard isGiven(.redisURL) || isGiven(.redisHost) else { return nil }
            var options: RedisOptions
            if isGiven(.redisURL) {
                options = try RedisOptions(url: self[.redisURL])
            } else {
                options = RedisOptions(host: self[.redisHost], port: number(.redisPort))
                options.password = Secret(self[.redisPassword])
            }
            guard isGiven(.redisRootCertificate) else { return options }
            guard options.tls != nil else {
                throw CommandFailure("REDIS_TLS_ROOT_CERTIFICATE goes with a REDIS_URL that begins with rediss://")
            }
            options.tls?.rootsPath = absolute(self[.redisRootCertificate])
            return options
        }
    }

    /// What is said of settings that have no effect.
    static func redisWarnings(_ values: [String: String]) -> [String] {
        func value(_ setting: Setting) -> String { values[setting.name] ?? "" }
        guard !value(.redisURL).isEmpty || !value(.redisHost).isEmpty else { return [] }
        let url = value(.databaseURL)
        guard url.isEmpty ? value(.databaseHost).isEmpty : url.hasPrefix("sqlite:") else { return [] }
        return ["REDIS_URL and REDIS_HOST are for nodes that share a PostgreSQL database; SQLite has one node"]
    }
}
