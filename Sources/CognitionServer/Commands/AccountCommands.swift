import ArgumentParser
import CognitionCore
import CognitionIdentity

/// Users as they are, their status, passwords and sessions.
extension UserCommands {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the users of the server, in the order in which they were made.")

        @Option(help: "Only those of this status: active, inactive, suspended or pending.") var status: UserStatus?
        @Option(help: "How many, at most 200.") var limit = 50
        @Option(help: "Where the page before ended.") var cursor: String?
        @Flag(help: "Prints JSON.") var json = false

        func validate() throws {
            guard (1...200).contains(limit) else { throw ValidationError("--limit is a number from 1 to 200.") }
        }

        func run() async throws {
            try await reporting {
                let page = PageWish(cursor: cursor, limit: limit)
                let users = try await AccountDesks.withDesk(ServerConfiguration()) { desk in
                    try await desk.users(status: status, page)
                }
                ListOutput(users, json: json, empty: "no users").write { user in
                    func text(_ member: String) -> String { user[member]?.stringValue ?? "" }
                    return "\(text("id"))  \(text("status").padding(to: 9))  \(text("email"))"
                        + (user["operator"]?.boolValue == true ? "  operator" : "")
                        + (user["locked_until"]?.stringValue.map { "  locked until \($0)" } ?? "")
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows a user.")

        @OptionGroup var target: UserTarget

        func run() async throws {
            try await reporting { try await target.print { desk, email in try await desk.user(email) } }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sets a user's status; sessions of who is not active end at once.",
            discussion: """
                active: may log in. inactive: was put to rest. suspended: is shut out. pending: has to confirm the e-mail \
                address before the next login.
                """)

        @OptionGroup var target: UserTarget
        @Argument(help: "active, inactive, suspended or pending.") var status: UserStatus

        func run() async throws {
            try await reporting {
                try await target.print { desk, email in try await desk.setStatus(status, of: email) }
            }
        }
    }

    struct ResetPassword: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reset-password",
            abstract: "Makes a link with which a user chooses a new password; it is good once, for an hour.",
            discussion: "No mail is sent: hand the link over yourself. It is not shown again.")

        @OptionGroup var target: UserTarget

        func run() async throws {
            try await reporting {
                let link = try await AccountDesks.withDesk(ServerConfiguration()) { desk in
                    try await desk.passwordResetLink(for: target.email)
                }
                if target.json { return Terminal.write(link.jsonText) }
                for (label, member) in [("user", "email"), ("link", "url"), ("until", "expires_at")] {
                    Terminal.write(label.padding(to: 11) + (link[member]?.stringValue ?? ""))
                }
            }
        }
    }

    struct Sessions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists where a user is logged in, or ends it.")

        @OptionGroup var target: UserTarget
        @Flag(help: "Ends all of them; the user may log in again.") var end = false

        func run() async throws {
            try await reporting {
                if end { return try await endAll() }
                let sessions = try await AccountDesks.withDesk(ServerConfiguration()) { desk in
                    try await desk.sessions(of: target.email)
                }
                ListOutput(sessions, json: target.json, empty: "no sessions").write { session in
                    func text(_ member: String) -> String { session[member]?.stringValue ?? "-" }
                    return "\(text("id"))  \(text("last_seen_at"))  \(text("ip").padding(to: 15))  \(text("device"))"
                }
            }
        }

        private func endAll() async throws {
            let answer = try await AccountDesks.withDesk(ServerConfiguration()) { desk in
                try await desk.endSessions(of: target.email)
            }
            if target.json { return Terminal.write(answer.jsonText) }
            Terminal.write("ended".padding(to: 11) + "\(answer["ended"]?.integerValue ?? 0)")
        }
    }
}

extension UserTarget {
    fileprivate func print(_ act: (any AccountDesk, String) async throws -> JSONValue) async throws {
        let user = try await AccountDesks.withDesk(ServerConfiguration()) { desk in try await act(desk, email) }
        if json { return Terminal.write(user.jsonText) }
        UserOutput.write(user)
    }
}

extension UserStatus: ExpressibleByArgument {}
