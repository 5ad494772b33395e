import CognitionCore
import CognitionEvents
import CognitionRabbitMQ

extension Doctor {
    /// Whether the RabbitMQ broker that the settings name takes a connection, and what is there of ours.
    var rabbitMQ: [Diagnosis] {
        get async {
            let options: RabbitMQOptions
            do {
                guard let given = try configuration.rabbitMQ else { return [] }
                options = given
            } catch {
                return []  // said of the settings already
            }
            do {
                let start = ContinuousClock.now
                let found = try await RabbitMQDesk(options).look()
                return [diagnosis(of: found, options, within: ContinuousClock.now - start)]
            } catch {
                return [
                    Diagnosis(
                        name: "rabbitmq", status: .warning,
                        message: (error as? any CodedError).map { "\($0.message) [\($0.code.name)]" } ?? "\(error)",
                        advice:
                            "check RABBITMQ_*, and that the broker is up; until then events for other systems wait in the log"
                    )
                ]
            }
        }
    }

    private func diagnosis(
        of found: RabbitMQDesk.Findings, _ options: RabbitMQOptions, within time: Duration
    ) -> Diagnosis {
        let consumes = configuration.isOn(.busConsume)
        var missing = found.hasExchange ? [] : ["the exchange \(options.exchange)"]
        if consumes, found.waiting == nil { missing.append("the queue \(options.inbox)") }
        if consumes, found.dead == nil { missing.append("the queue \(options.deadLetters)") }
        var details: JSONObject = [
            "version": found.version.map { .string($0) } ?? .null, "exchange": .bool(found.hasExchange),
        ]
        if let waiting = found.waiting { details["waiting"] = .integer(Int64(waiting)) }
        if let dead = found.dead { details["dead"] = .integer(Int64(dead)) }
        let connects =
            "RabbitMQ \(found.version ?? "of a version unknown") takes a connection within \(Double(time.microseconds) / 1_000) ms"
        if let dead = found.dead, dead > 0 {
            return Diagnosis(
                name: "rabbitmq", status: .warning, message: "\(connects); \(dead) messages were put aside",
                advice: "their headers x-error and x-error-message say why; then cognitionos bus redrive",
                details: details)
        }
        let topology =
            missing.isEmpty
            ? ", and has what is needed there"
            : "; a server makes what is not there yet: " + missing.joined(separator: ", ")
        return Diagnosis(name: "rabbitmq", status: .ok, message: connects + topology, details: details)
    }
}
