import CognitionCore

/// The bus to other systems; without RABBITMQ_URL and RABBITMQ_HOST there is none.
extension Setting {
    static let busURL = Setting(
        "RABBITMQ_URL", .address,
        "Where RabbitMQ is: amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps://… with TLS; without it and RABBITMQ_HOST events stay here."
    )
    static let busHost = Setting("RABBITMQ_HOST", .text, "The host of a RabbitMQ broker; RABBITMQ_URL wins.")
    static let busPort = Setting("RABBITMQ_PORT", .number(1...65_535), standard: "5672", "Its port.")
    static let busUser = Setting("RABBITMQ_USERNAME", .text, standard: "guest", "Who connects.")
    static let busPassword = Setting("RABBITMQ_PASSWORD", .text, standard: "guest", isSecret: true, "Their password.")
    static let busVirtualHost = Setting("RABBITMQ_VHOST", .text, standard: "/", "The broker's virtual host.")
    static let busTLS = Setting(
        "RABBITMQ_TLS", .choice(["true", "false"]), standard: "false",
        "Whether the connection to RABBITMQ_HOST is encrypted; then certificate and name of the broker are checked.")
    static let busRootCertificates = Setting(
        "RABBITMQ_CA_FILE", .path, standard: "/etc/ssl/certs/ca-certificates.crt",
        "A file with the certificates that the broker's is checked by.")
    static let busExchange = Setting(
        "RABBITMQ_EXCHANGE", .text, standard: "cognitionos.events", "The topic exchange that events are published to.")
    static let busEvents = Setting(
        "RABBITMQ_EVENTS", .list, "How the types of the events begin that are published; without it all are.")
    static let busInternalEvents = Setting(
        "RABBITMQ_INTERNAL_EVENTS", .choice(["true", "false"]), standard: "false",
        "Whether events of users, workspaces and secrets are published too.")
    static let busStart = Setting(
        "RABBITMQ_START", .choice(["beginning", "end"]), standard: "end",
        "Where in the log publishing begins the first time; later it goes on where it was.")

    static let busConsume = Setting(
        "RABBITMQ_CONSUME", .choice(["true", "false"]), standard: "true",
        "Whether events of other systems are taken from RABBITMQ_INBOX.")
    static let busInbox = Setting(
        "RABBITMQ_INBOX", .text, standard: "cognitionos.inbox",
        "The queue in which events of other systems arrive; .dead is appended for those that are put aside.")
    static let busInboxWorkspace = Setting(
        "RABBITMQ_INBOX_WORKSPACE", .text, standard: "default", "The workspace to whose workflows they are published.")
    static let busPrefetch = Setting(
        "RABBITMQ_PREFETCH", .number(1...256), standard: "64",
        "Messages that this node may be handed before it has answered for them.")

    static let rabbitMQ = [
        busURL, busHost, busPort, busUser, busPassword, busVirtualHost, busTLS, busRootCertificates, busExchange,
        busEvents, busInternalEvents, busStart, busConsume, busInbox, busInboxWorkspace, busPrefetch,
    ]
}
