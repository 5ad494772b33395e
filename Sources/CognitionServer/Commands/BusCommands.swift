import ArgumentParser
import CognitionCore
import CognitionEvents
import CognitionRabbitMQ

struct BusCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bus", abstract: "Looks after what goes to other systems and comes from them.",
        subcommands: [Status.self, Redrive.self, Resume.self, Forget.self])

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows how far events were published, and what waits at the broker.")

        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                let configuration = try ServerConfiguration()
                let options = try configuration.busOptions
                var status: JSONObject = ["bus": "rabbitmq", "exchange": .string(options.exchange)]
                try await Node.withNode(configuration, .guest) { node in
                    let place = try await node.log.subscriptions().first { BusPublisher.isOfBus($0.name) }
                    let head = try await node.log.head()
                    status["position"] = place.map { .integer($0.position) } ?? .null
                    status["head"] = .integer(head)
                    status["lag"] = .integer(max(0, head - (place?.position ?? head)))
                    if let failure = place?.failure {
                        status["stopped"] = [
                            "position": .integer(failure.position), "error": .string(failure.error),
                            "time": .string(failure.time.description),
                        ]
                    }
                }
                var failure: EventError?
                do {
                    let found = try await RabbitMQDesk(options).look()
                    status["broker"] = found.version.map { .string($0) } ?? .null
                    status["inbox"] = .string(options.inbox)
                    status["waiting"] = found.waiting.map { .integer(Int64($0)) } ?? .null
                    status["dead"] = found.dead.map { .integer(Int64($0)) } ?? .null
                } catch let error as EventError {
                    failure = error
                }
                // What the log says is worth knowing above all when the broker says nothing.
                Terminal.write(json ? JSONValue.object(status).jsonText : Self.text(status))
                if let failure { throw failure }
            }
        }

        private static func text(_ status: JSONObject) -> String {
            func number(_ name: String) -> Int64 { status[name]?.integerValue ?? 0 }
            func word(_ name: String) -> String { status[name]?.stringValue ?? "" }
            var lines = [
                status["position"] == .null
                    ? "\(word("exchange")): nothing was published yet"
                    : "\(word("exchange")): at \(number("position")) of \(number("head")), \(number("lag")) behind"
            ]
            if status["inbox"] != nil {
                let isThere = status["waiting"] != .null
                lines.append(
                    isThere
                        ? "\(word("inbox")): \(number("waiting")) waiting, \(number("dead")) put aside"
                        : "\(word("inbox")): not there yet")
            }
            if let stopped = status["stopped"] {
                lines.append(
                    "stopped before \(stopped["position"]?.integerValue ?? 0): \(stopped["error"]?.stringValue ?? "")")
            }
            return lines.joined(separator: "\n")
        }
    }

    struct Redrive: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts messages that were put aside back into the inbox, the oldest first.")

        @Option(help: "How many at most.") var limit = 1_000

        func validate() throws {
            guard (1...1_000_000).contains(limit) else {
                throw ValidationError("--limit is a number from 1 to 1,000,000.")
            }
        }

        func run() async throws {
            try await reporting {
                let moved = try await RabbitMQDesk(try ServerConfiguration().busOptions).redrive(atMost: limit)
                Terminal.write("\(moved) messages are in the inbox again")
            }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets publishing go on that an event has stopped which cannot be read.")

        @Flag(help: "Goes on after that event, which is then never published.") var skipFailed = false

        func run() async throws {
            try await reporting {
                let configuration = try ServerConfiguration()
                _ = try configuration.busOptions
                try await Node.withNode(configuration, .guest) { node in
                    try await node.log.resumeSubscription(
                        named: BusPublisher.subscription(of: "rabbitmq"), skippingFailed: skipFailed,
                        now: node.clock.now)
                }
                Terminal.write("publishing goes on")
            }
        }
    }
}

extension BusCommands {
    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes away the place of a bus that is not used any more.",
            discussion: """
                Until then no event after it is archived. A bus that is set up again begins as RABBITMQ_START says.
                """)

        func run() async throws {
            try await reporting {
                let configuration = try ServerConfiguration()
                guard try configuration.rabbitMQ == nil else {
                    throw CommandFailure("there is a bus; take RABBITMQ_URL and RABBITMQ_HOST away first")
                }
                try await Node.withNode(configuration, .guest) { node in
                    try await node.log.forgetSubscription(named: BusPublisher.subscription(of: "rabbitmq"))
                }
                Terminal.write("the place of the bus is forgotten")
            }
        }
    }
}

extension ServerConfiguration {
    /// - Throws: `CommandFailure` when no setting names a bus.
    fileprivate var busOptions: RabbitMQOptions {
        get throws {
            guard let options = try rabbitMQ else {
                throw CommandFailure("there is no bus; RABBITMQ_URL or RABBITMQ_HOST names one")
            }
            return options
        }
    }
}
