import CognitionCore

/// What `doctor` says of one thing.
struct Diagnosis: Sendable {
    enum Status: String, Sendable {
        case ok
        /// It works, but not as well as it could, or not for long.
        case warning
        case failed
        /// Could not be looked at, or was not asked for.
        case skipped
    }

    let name: String
    let status: Status
    /// One sentence without an end.
    let message: String
    /// What to do about it.
    var advice: String?
    var details = JSONObject()

    var json: JSONValue {
        var members: JSONObject = [
            "name": .string(name), "status": .string(status.rawValue), "message": .string(message),
        ]
        if let advice { members["advice"] = .string(advice) }
        if !details.isEmpty { members["details"] = .object(details) }
        return .object(members)
    }
}

extension [Diagnosis] {
    var json: JSONValue {
        func count(_ status: Diagnosis.Status) -> JSONValue {
            .integer(Int64(self.count { $0.status == status }))
        }
        return [
            "healthy": .bool(!contains { $0.status == .failed }), "failed": count(.failed), "warnings": count(.warning),
            "checks": .array(map(\.json)),
        ]
    }
}
