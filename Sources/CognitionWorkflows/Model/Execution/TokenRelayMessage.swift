import CognitionCore

/// What nodes tell each other of the texts of running tasks, in JSON.
enum TokenRelayMessage: Sendable, Equatable {
    /// All that is watched on the sender's node; from the beginning of each text where it has missed something.
    case watches([TokenBoard.Place], fromBeginning: Bool)
    case update(TokenUpdate, of: TokenBoard.Place)
    /// The texts of an execution that are not at their end.
    case live([TokenBoard.Attempt], of: TokenBoard.Place)

    /// Executions of one message of watches.
    static let placesMax = 500
    private static let limits = JSONLimits(bytesMax: 8 << 20, depthMax: 8)

    func bytes(from node: String) -> [UInt8] {
        var members: JSONObject
        switch self {
        case .watches(let places, let fromBeginning):
            members = [
                "watches": .array(places.map { [.string($0.workspace.name), .string($0.execution.description)] }),
                "from_beginning": .bool(fromBeginning),
            ]
        case .update(let update, let place):
            members = update.json
            members.merge(place.json)
        case .live(let attempts, let place):
            members = place.json
            members["live"] = .array(
                attempts.map { [.integer(Int64($0.task)), .integer(Int64($0.attempt))] })
        }
        members["node"] = .string(node)
        return JSONValue.object(members).jsonBytes
    }

    /// Reads what ``bytes(from:)`` writes; `nil` for what is none.
    static func read(_ bytes: [UInt8]) -> (node: String, message: TokenRelayMessage)? {
        guard let json = try? JSONValue(parsing: bytes, limits: limits), let node = json["node"]?.stringValue,
            (1...64).contains(node.utf8.count)
        else { return nil }
        if let list = json["watches"]?.arrayValue {
            let places = list.prefix(placesMax).compactMap { TokenBoard.Place($0[0], $0[1]) }
            return (node, .watches(places, fromBeginning: json["from_beginning"]?.boolValue == true))
        }
        guard let place = TokenBoard.Place(json["workspace"], json["execution"]) else { return nil }
        if let live = json["live"]?.arrayValue {
            let attempts = live.compactMap { pair -> TokenBoard.Attempt? in
                guard let task = pair[0]?.integerValue, let attempt = pair[1]?.integerValue else { return nil }
                return TokenBoard.Attempt(task: Int(clamping: task), attempt: Int(clamping: attempt))
            }
            return (node, .live(attempts, of: place))
        }
        return TokenUpdate(json).map { (node, .update($0, of: place)) }
    }
}

extension TokenBoard.Place {
    fileprivate init?(_ workspace: JSONValue?, _ execution: JSONValue?) {
        guard let workspace = workspace?.stringValue,
            let execution = execution?.stringValue.flatMap({ ExecutionID($0) })
        else { return nil }
        self.init(workspace: WorkspaceID(workspace), execution: execution)
    }

    fileprivate var json: JSONObject {
        ["workspace": .string(workspace.name), "execution": .string(execution.description)]
    }
}
