import CognitionCore
import CognitionEvents
import CognitionRabbitMQ

extension ServerConfiguration {
    /// How RabbitMQ is reached; `nil` when no setting names one.
    /// - Throws: `bus.refused` for an address that is none; `CommandFailure` for a name that is none.
    var rabbitMQ: RabbitMQOptions? {
        get throws {
            guard isGiven(.busURL) || isGiven(.busHost) else { return nil }
            var options: RabbitMQOptions
            if isGiven(.busURL) {
                options = try RabbitMQOptions(url: self[.busURL])
            } else {
                options = RabbitMQOptions()
                options.host = self[.busHost]
                options.isEncrypted = isOn(.busTLS)
                options.port = options.isEncrypted && !isGiven(.busPort) ? 5_671 : number(.busPort)
                options.user = self[.busUser]
                options.password = Secret(self[.busPassword])
                options.virtualHost = self[.busVirtualHost]
            }
            options.rootCertificates = absolute(self[.busRootCertificates])
            options.connectionName = self[.serviceName]
            options.exchange = try busName(.busExchange)
            options.inbox = try busName(.busInbox)
            options.prefetch = number(.busPrefetch)
            return options
        }
    }

    private func busName(_ setting: Setting) throws -> String {
        let name = self[setting]
        guard name.utf8.count <= 127, !name.hasPrefix("amq."), name.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw CommandFailure(
                "\(setting.name) is a name of at most 127 letters, digits and signs that does not begin with amq.")
        }
        return name
    }

    var busPublisher: BusPublisher.Settings {
        var settings = BusPublisher.Settings()
        settings.start = self[.busStart].lowercased() == "beginning" ? .beginning : .end
        settings.typePrefixes = list(.busEvents)
        if isOn(.busInternalEvents) { settings.hiddenStreamTypes = [] }
        return settings
    }
}
