import ArgumentParser
import CognitionCore

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Looks at everything that the server needs, and says what to do about faults.",
        discussion: """
            With or without a running server; changes nothing. Exits with 1 when something has failed; warnings are no \
            failures.
            """)

    @Flag(help: "Asks model providers and the receiver of traces too, with next to nothing.") var online = false
    @Flag(help: "Prints JSON.") var json = false

    func run() async throws {
        try await reporting {
            let configuration = try ServerConfiguration()
            let found = try await diagnoses(configuration)
            if json {
                Terminal.write(found.json.jsonText)
            } else {
                write(found)
            }
            if found.contains(where: { $0.status == .failed }) { throw ExitCode(1) }
        }
    }

    private func diagnoses(_ configuration: ServerConfiguration) async throws -> [Diagnosis] {
        do {
            return try await RemoteServer.withServer(configuration) { server in
                await Doctor(configuration: configuration, server: server, asksOthers: online).examine()
            }
        } catch let error where error is CommandFailure || error is ServerGone || error is ServerRefusal {
            // A server that holds the folder and does not answer, or goes away meanwhile; everything else can be looked at
            // all the same.
            let rest = await Doctor(configuration: configuration, server: nil, asksOthers: online).examine()
            return [
                Diagnosis(
                    name: "server", status: .failed, message: "\(error)",
                    advice: "look at that process and its log, or end it and start it again")
            ] + rest.filter { $0.name != "address" }
        }
    }

    private func write(_ found: [Diagnosis]) {
        let width = (found.map(\.name.count).max() ?? 0) + 2
        for diagnosis in found {
            Terminal.write(
                diagnosis.status.rawValue.padding(to: 9) + diagnosis.name.padding(to: width) + diagnosis.message)
            if let advice = diagnosis.advice { Terminal.write("".padding(to: 9 + width) + "→ " + advice) }
        }
        let (failed, warnings) = (
            found.count { $0.status == .failed }, found.count { $0.status == .warning }
        )
        Terminal.note("\(found.count) checks, \(failed) failed, \(warnings) warnings")
    }
}
