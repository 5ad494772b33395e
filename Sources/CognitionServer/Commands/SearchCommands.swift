import ArgumentParser
import CognitionCore

struct SearchCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Searches indexes, and looks after them.",
        subcommands: [
            Query.self, Suggest.self, Index.self, Analytics.self, Verify.self, Rebuild.self,
        ])

    struct Query: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Searches an index.",
            discussion:
                "Several are separated by commas; _all is every index. Words are written as for POST search/{index}/query."
        )

        @Argument(help: "The index.") var index: String
        @Argument(help: "What to look for; everything unless given.") var words: [String] = []
        @Option(help: "Hits, at most 200.") var limit = 20
        @Option(help: "Hits to skip.") var offset = 0
        @Flag(help: "Finds only what has all words.") var all = false
        @Flag(help: "Says how scores came about.") var explain = false
        @Option(help: "The id of a document of which to say why it is no hit.") var whyNot: String?
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            guard (0...200).contains(limit) else { throw ValidationError("--limit is from 0 to 200.") }
            guard (0...10_000).contains(offset) else { throw ValidationError("--offset is from 0 to 10000.") }
        }

        func run() async throws {
            try await reporting {
                let answer = try await SearchDesks.withDesk(ServerConfiguration()) { try await $0.query(index, wish) }
                if json { return Terminal.write(answer.jsonText) }
                write(answer)
            }
        }

        private var wish: JSONValue {
            var wish: JSONObject = [
                "limit": .integer(Int64(limit)), "offset": .integer(Int64(offset)),
                "explain": .bool(explain),
            ]
            if !words.isEmpty { wish["query"] = .string(words.joined(separator: " ")) }
            if all { wish["operator"] = "and" }
            if let whyNot { wish["why_not"] = .string(whyNot) }
            // Marks are for a page; a terminal shows the words.
            wish["highlight"] = ["before": "", "after": "", "length": 120]
            return .object(wish)
        }

        private func write(_ answer: JSONValue) {
            let hits = answer["hits"]?.arrayValue ?? []
            for hit in hits {
                let score = hit["score"]?.doubleValue ?? 0
                let index = hit["index"]?.stringValue.map { "\($0)/" } ?? ""
                Terminal.write("\(Self.rounded(score).padding(to: 8))  \(index)\(hit["id"]?.stringValue ?? "")")
                for (field, snippets) in hit["highlights"]?.objectValue ?? [:] {
                    for snippet in snippets.arrayValue ?? [] {
                        Terminal.write("          \(field): \(Self.line(snippet.stringValue ?? ""))")
                    }
                }
                if explain, let explanation = hit["explanation"] { write(explanation, depth: 5) }
            }
            let total = answer["total"]?["value"]?.integerValue ?? 0
            let isMore = answer["total"]?["relation"] == "gte"
            Terminal.note("\(isMore ? "at least " : "")\(total) found in \(answer["took_ms"]?.doubleValue ?? 0) ms")
            if let other = answer["did_you_mean"]?.stringValue { Terminal.note("did you mean: \(other)") }
            if let whyNot = answer["why_not"]?.stringValue { Terminal.note(whyNot) }
        }

        private func write(_ explanation: JSONValue, depth: Int) {
            let value = Self.rounded(explanation["value"]?.doubleValue ?? 0)
            Terminal.write(
                String(repeating: "  ", count: depth) + "\(value)  \(Self.line(explanation["text"]?.stringValue ?? ""))"
            )
            for part in explanation["parts"]?.arrayValue ?? [] { write(part, depth: depth + 1) }
        }

        private static func rounded(_ number: Double) -> String { String((number * 1_000).rounded() / 1_000) }

        /// On one line, and without what a terminal would take for an order.
        private static func line(_ text: String) -> String {
            String(
                String.UnicodeScalarView(
                    text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? " " : $0 }))
        }
    }

    struct Suggest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Completes what is being typed.")

        @Argument(help: "The index.") var index: String
        @Argument(help: "What was typed so far.") var text: String
        @Option(help: "How many, at most 50.") var limit = 10
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            guard (1...50).contains(limit) else { throw ValidationError("--limit is from 1 to 50.") }
        }

        func run() async throws {
            try await reporting {
                let answer = try await SearchDesks.withDesk(ServerConfiguration()) {
                    try await $0.suggest(index, text, limit: limit)
                }
                if json { return Terminal.write(answer.jsonText) }
                for item in answer["suggestions"]?.arrayValue ?? [] { Terminal.write(item["text"]?.stringValue ?? "") }
            }
        }
    }

    struct Index: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "index", abstract: "Shows indexes.", subcommands: [List.self])

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Lists indexes by name.")

            @OptionGroup var page: PageOptions
            @Flag(help: "Prints JSON.") var json = false

            func run() async throws {
                try await reporting {
                    let answer = try await SearchDesks.withDesk(ServerConfiguration()) { try await $0.list(page.wish) }
                    ListOutput(answer, json: json, empty: "no indexes").write { index in
                        "\((index["name"]?.stringValue ?? "").padding(to: 24))"
                            + "  \(index["documents"]?.integerValue ?? 0) documents"
                            + ", \(index["fields"]?.objectValue?.count ?? 0) fields"
                            + (index["rebuilding"]?.boolValue == true ? ", being made anew" : "")
                    }
                }
            }
        }
    }

    struct Analytics: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows what is looked for, what finds nothing, and how long searches take.")

        @OptionGroup var target: IndexArgument

        func run() async throws {
            try await reporting {
                let answer = try await SearchDesks.withDesk(ServerConfiguration()) {
                    try await $0.analytics(target.index)
                }
                Terminal.write(target.json ? answer.jsonText : answer.prettyJSONText)
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compares an index with the documents in the database.",
            discussion:
                "Reads every byte of this node's copy; one that differs is made anew. Exit code 1 for one that differs."
        )

        @OptionGroup var target: IndexArgument

        func run() async throws {
            try await reporting {
                let answer = try await SearchDesks.withDesk(ServerConfiguration()) { try await $0.verify(target.index) }
                let isEqual = answer["ok"]?.boolValue == true
                if target.json {
                    Terminal.write(answer.jsonText)
                } else {
                    let documents = answer["documents"]?.integerValue ?? 0
                    Terminal.write(
                        isEqual
                            ? "index \(target.index) holds what the database holds: \(documents) documents"
                            : "index \(target.index) has \(documents) documents and the database \(answer["documents_in_database"]?.integerValue ?? 0); it is made anew"
                                + (answer["damage"]?.stringValue.map { ": \($0)" } ?? ""))
                }
                if !isEqual { throw ExitCode.failure }
            }
        }
    }

    struct Rebuild: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes an index of this node anew from the documents in the database.",
            discussion: "The one before answers meanwhile.")

        @Argument(help: "The index.") var index: String

        func run() async throws {
            try await reporting {
                try await SearchDesks.withDesk(ServerConfiguration()) { try await $0.rebuild(index) }
                Terminal.write("index \(index) is made anew")
            }
        }
    }

    struct IndexArgument: ParsableArguments {
        @Argument(help: "The index.") var index: String
        @Flag(help: "Prints JSON.") var json = false
    }
}
