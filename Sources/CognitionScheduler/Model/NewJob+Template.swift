import CognitionCore

extension NewJob {
    /// Everything but the id, the schedule and what concerns one run, as ``init(_:queue:)`` reads it again.
    var template: JSONValue {
        var json = options.json
        json["retry"] = retry
        json["target"] = target.json
        json["queue"] = .string(queue)
        json["priority"] = .string(priority.name)
        if let name { json["name"] = .string(name) }
        if !tags.isEmpty {
            json["tags"] = .object(JSONObject(tags.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        }
        return .object(json)
    }
}
