import ArgumentParser
import CognitionCore
import CognitionRealtime

/// What a room is to be like.
struct RoomOptions: ParsableArguments {
    @Option(help: "A name for people.") var name: String?
    @Option(help: "How many members it takes, at most \(RoomSettings.membersMaxMax).") var maxMembers: Int?
    @Option(help: "How many of its last messages are kept, or `durable` for all.") var history: String?
    @Option(help: "disconnect, drop_oldest or conflate: what slow clients get.") var slow: String?

    func validate() throws {
        if let maxMembers, !(1...RoomSettings.membersMaxMax).contains(maxMembers) {
            throw ValidationError("--max-members is a number from 1 to \(RoomSettings.membersMaxMax).")
        }
        if let history, history != "durable",
            !(Int(history).map { (1...RoomHistory.lastMax).contains($0) } ?? false)
        {
            throw ValidationError("--history is `durable`, or a number from 1 to \(RoomHistory.lastMax).")
        }
        if let slow, SlowPolicy(rawValue: slow) == nil {
            throw ValidationError("--slow is one of \(SlowPolicy.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
    }

    /// What is named, as bodies of requests have it.
    var members: JSONObject {
        var members: JSONObject = [:]
        members["name"] = name.map(JSONValue.string)
        members["max_members"] = maxMembers.map { .integer(Int64($0)) }
        members["slow"] = slow.map(JSONValue.string)
        members["history"] = history.map { text in Int64(text).map { ["limit": .integer($0)] } ?? "durable" }
        return members
    }
}
