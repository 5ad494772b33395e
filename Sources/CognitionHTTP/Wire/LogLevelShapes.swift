import CognitionCore
import Logging

struct LogLevelRequest: RequestBody {
    let level: Logger.Level

    init(json: JSONValue) throws {
        guard let level = json["level"]?.stringValue.flatMap({ Logger.Level(rawValue: $0) }) else {
            preconditionFailure("the schema has been checked")
        }
        self.level = level
    }

    static let schemaName = "LogLevelRequest"
    static let schema: JSONValue = .record(["level": LogLevelShape.level], isClosed: true)
    static let sample: JSONValue = ["level": "debug"]
}

struct LogLevelShape: AnswerBody {
    let level: Logger.Level

    var json: JSONValue { ["level": .string(level.rawValue)] }

    static let level: JSONValue = .choice(
        Logger.Level.allCases.map(\.rawValue), "The least severe lines that are written.")
    static let schemaName = "LogLevel"
    static let schema: JSONValue = .record(["level": level])
    static let sample: JSONValue = ["level": "info"]
}
