import ArgumentParser
import CognitionCore
import CognitionWorkflows

struct SecretCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "Sets, lists and deletes secrets of workflows.",
        subcommands: [Set.self, List.self, Delete.self])

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sets a secret to what comes on standard input.",
            discussion: """
                A line feed at the end is left out. A secret is never an argument: other users of the machine could read it \
                there. Nothing gives it out again but to the tasks of workflows that name it in use.secrets.
                """)

        @Argument(help: "The secret's name.") var name: String
        @Flag(help: "Standard input is JSON, e.g. {\"username\": …, \"password\": …}.") var fromJson = false
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                let value = try value()
                let secret = try await SecretDesks.withDesk(ServerConfiguration()) { desk in
                    try await desk.set(name, to: value)
                }
                if json { return Terminal.write(secret.jsonText) }
                Terminal.write("secret \(name) is set")
            }
        }

        private func value() throws -> JSONValue {
            // More than a secret may have: what is wrong with a long one is said by whoever knows the bound.
            let bytes = try BoundedFile.bytes(of: "-", max: 1 << 20)
            if fromJson {
                // What the parser says of it may repeat a piece of the secret.
                guard let value = try? JSONValue(parsing: bytes) else {
                    throw CommandFailure("what is on standard input is no JSON")
                }
                return value
            }
            guard var text = String(validating: bytes, as: UTF8.self) else {
                throw CommandFailure("the secret on standard input is no UTF-8 text")
            }
            if text.last?.isNewline == true { text.removeLast() }
            guard !text.isEmpty else { throw CommandFailure("there is no secret on standard input") }
            return .string(text)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists secrets by name.")

        @Option(help: "How many, at most 200.") var limit = 50
        @Option(help: "Where the page before ended.") var cursor: String?
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
        }

        func run() async throws {
            try await reporting {
                let page = PageWish(cursor: cursor, limit: limit)
                let answer = try await SecretDesks.withDesk(ServerConfiguration()) { try await $0.list(page) }
                ListOutput(answer, json: json, empty: "no secrets").write { item in
                    "\((item["name"]?.stringValue ?? "").padding(to: 40))  \(item["updated_at"]?.stringValue ?? "")"
                }
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes a secret; tasks that need it fault from then on.")

        @Argument(help: "The secret's name.") var name: String

        func run() async throws {
            try await reporting {
                try await SecretDesks.withDesk(ServerConfiguration()) { try await $0.delete(name) }
                Terminal.write("secret \(name) is deleted")
            }
        }
    }
}
