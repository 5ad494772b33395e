import CognitionCore
import CognitionIdentity
import CognitionRedis

extension ServerConfiguration {
    /// - Throws: `CommandFailure` that names everything that cannot work together.
    func checkConflicts() throws {
        let faults = conflicts
        guard faults.isEmpty else {
            throw CommandFailure("these settings cannot work together: " + faults.joined(separator: "; "))
        }
    }

    /// What the parts of the program would refuse to start with, and settings that contradict each other.
    private var conflicts: [String] {
        let clock = SystemWallClock()
        let ids = UUIDGenerator(clock: clock)
        let checks: [(settings: String, check: () throws -> Void)] = [
            ("DATABASE_URL", { _ = try database }),
            ("EVENTS_RETENTION", { _ = try eventRetention }),
            ("REDIS_*", { try redis?.check() }),
            ("RABBITMQ_*", { _ = try rabbitMQ }),
            ("EGRESS_DENY, EGRESS_ALLOW", { _ = try httpClient }),
            ("LLM_*", { _ = try languageModels(over: NoHTTP(), ids) }),
            ("OTEL_*", { try checkTracing() }),
            ("SANDBOX_FOLDERS", { _ = try sandbox }),
            ("API_PUBLIC_URL", { _ = try publicURL }),
            ("MAIL_FROM", { _ = try mailSender }),
            ("SECURITY_*", { try identity.check() }),
            ("SECURITY_*", { try checkKeys(ids, now: clock.now) }),
            ("WS_*", { try checkWebSocket() }),
            ("API_TLS_*", { _ = try tls }),
            ("API_TRUSTED_PROXIES", { _ = try trustedProxies }),
            ("API_CORS_ORIGINS", { try checkOrigins() }),
        ]
        return checks.compactMap { settings, check in
            do {
                try check()
                return nil
            } catch let error as any CodedError {
                return "\(settings): \(error.message) [\(error.code.name)]"
            } catch {
                return "\(settings): \(error)"
            }
        }
    }

    private func checkKeys(_ ids: UUIDGenerator, now: Timestamp) throws {
        guard self[.secretKey].isEmpty || self[.jwtSecretKey].isEmpty || self[.secretKey] == self[.jwtSecretKey] else {
            throw CommandFailure("SECURITY_SECRET_KEY and JWT_SECRET_KEY are the same setting, with two values")
        }
        // Without either there may be no keys yet, and only a server makes them.
        let hasKeys = try secretKey != nil || PrivateFile.read(KeyFile.path(in: dataDirectory)) != nil
        if hasKeys { _ = try KeyFile.signingKeys(self, mayCreate: false, ids: ids, now: now) }
    }

    private func checkTracing() throws {
        guard isOn(.enableTracing) else { return }
        _ = try (traceExport, traceSampler, traceResource)
    }

    private func checkWebSocket() throws {
        guard duration(.heartbeatInterval) < duration(.webSocketTimeout) else {
            throw CommandFailure(
                "WS_HEARTBEAT_INTERVAL (\(self[.heartbeatInterval])) has to be shorter than WS_TIMEOUT (\(self[.webSocketTimeout])), or every WebSocket counts as lost"
            )
        }
    }
}

/// Stands for the way out where nothing is sent.
private struct NoHTTP: OutboundHTTP {
    func send(_ request: OutboundRequest) async throws -> OutboundResponse {
        throw OutboundHTTPError(OutboundHTTPError.unsupported, "Nothing is sent here.")
    }
}
