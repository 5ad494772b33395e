import ArgumentParser
import CognitionCore
import CognitionIdentity

struct UserCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Makes, lists, shows, locks and unlocks users, and looks after their sessions.",
        subcommands: [
            List.self, Show.self, Create.self, Lock.self, Unlock.self, Status.self, ResetPassword.self, Sessions.self,
        ])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a user with a workspace of their own.",
            discussion: """
                Without --password-stdin a password is made up and printed, once. A password is never an argument: other \
                users of the machine could read it there.
                """)

        /// More than any password has: what is wrong with a long one is said by whoever knows the rules.
        private static let inputBytesMax = 1 << 20

        @Option(help: "The e-mail address, with which the user logs in.") var email: String
        @Option(help: "The full name.") var name: String?
        @Flag(help: "Reads the password, one line, from standard input.") var passwordStdin = false
        @Flag(help: "The user runs the server: may do everything in every workspace.") var `operator` = false
        @Flag(help: "Prints JSON.") var json = false

        func run() async throws {
            try await reporting {
                let command = CreateUserCommand(
                    email: email, password: passwordStdin ? try password() : nil, fullName: name,
                    isOperator: self.operator)
                let user = try await UserDesks.withDesk(ServerConfiguration()) { desk in
                    try await desk.create(command)
                }
                if json { return Terminal.write(user.jsonText) }
                UserOutput.write(user)
                guard let password = user["password"]?.stringValue else { return }
                Terminal.write("password   \(password)")
                Terminal.note("the password was made up; keep it, it is not shown again")
            }
        }

        private func password() throws -> Secret {
            let bytes = try BoundedFile.bytes(of: "-", max: Self.inputBytesMax)
            guard var text = String(validating: bytes, as: UTF8.self) else {
                throw CommandFailure("the password on standard input is no UTF-8 text")
            }
            if text.last?.isNewline == true { text.removeLast() }
            guard !text.isEmpty else { throw CommandFailure("there is no password on standard input") }
            guard !text.contains(where: \.isNewline) else {
                throw CommandFailure("standard input has more than one line; the password is one")
            }
            return Secret(text)
        }
    }

    struct Lock: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Locks a user until somebody unlocks it; its sessions end at once.")

        @OptionGroup var target: UserTarget

        func run() async throws { try await reporting { try await target.setLocked(true) } }
    }

    struct Unlock: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets a user log in again, who was locked by hand or by wrong passwords.")

        @OptionGroup var target: UserTarget

        func run() async throws { try await reporting { try await target.setLocked(false) } }
    }
}

struct UserTarget: ParsableArguments {
    @Argument(help: "The user's e-mail address.") var email: String
    @Flag(help: "Prints JSON.") var json = false

    fileprivate func setLocked(_ isLocked: Bool) async throws {
        let user = try await UserDesks.withDesk(ServerConfiguration()) { desk in
            try await desk.setLocked(isLocked, email: email)
        }
        if json { return Terminal.write(user.jsonText) }
        UserOutput.write(user)
    }
}

enum UserOutput {
    static func write(_ user: JSONValue) {
        func line(_ label: String, _ member: String) {
            if let text = user[member]?.stringValue { Terminal.write(label.padding(to: 11) + text) }
        }
        line("user", "id")
        line("email", "email")
        line("name", "full_name")
        line("status", "status")
        if user["operator"]?.boolValue == true { Terminal.write("operator".padding(to: 11) + "yes") }
        line("workspace", "workspace_id")
        line("locked", "locked_until")
        line("last login", "last_login_at")
    }
}
