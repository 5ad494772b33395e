/// Where nodes find each other faster than by their database.
extension Setting {
    static let redisURL = Setting(
        "REDIS_URL", .address,
        "A Redis server by which nodes tell each other at once what they have committed: redis://USER:PASSWORD@HOST:PORT, or rediss:// with TLS."
    )
    static let redisHost = Setting("REDIS_HOST", .text, "The host of a Redis server, in the clear; REDIS_URL wins.")
    static let redisPort = Setting("REDIS_PORT", .number(1...65_535), standard: "6379", "Its port.")
    static let redisPassword = Setting(
        "REDIS_PASSWORD", .text, isSecret: true, "The password of its default user.")
    static let redisRootCertificate = Setting(
        "REDIS_TLS_ROOT_CERTIFICATE", .path,
        "A PEM file with the certificates that Redis's is checked by, in place of the system's; with rediss://.")

    static let redis = [redisURL, redisHost, redisPort, redisPassword, redisRootCertificate]
}
