extension JSONValue {
    /// The value with a merge patch applied (RFC 7396, section 2): members of objects are replaced one by one, null takes
    /// one away, anything else replaces the whole.
    package func merged(with patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var members = objectValue ?? [:]
        for (name, change) in changes {
            if change.isNull {
                members.removeValue(forKey: name)
            } else {
                members[name] = (members[name] ?? .null).merged(with: change)
            }
        }
        return .object(members)
    }

    /// Operations of a JSON Patch (RFC 6902) that make `other` of this value: `add`, `remove` and `replace`. Elements of
    /// arrays are compared place by place.
    package func patch(to other: JSONValue) -> [JSONValue] {
        var operations: [JSONValue] = []
        patch(to: other, at: .root, into: &operations)
        return operations
    }

    private func patch(to other: JSONValue, at place: JSONPointer, into operations: inout [JSONValue]) {
        switch (self, other) {
        case (.object(let old), .object(let new)):
            for (name, value) in old {
                let place = place.appending(name)
                if let changed = new[name] {
                    value.patch(to: changed, at: place, into: &operations)
                } else {
                    operations.append(["op": "remove", "path": .string(place.description)])
                }
            }
            for (name, value) in new where old[name] == nil {
                operations.append(["op": "add", "path": .string(place.appending(name).description), "value": value])
            }
        case (.array(let old), .array(let new)):
            for (index, (value, changed)) in zip(old, new).enumerated() {
                value.patch(to: changed, at: place.appending(index), into: &operations)
            }
            // The last first, so that the places of the others stay.
            for index in (min(old.count, new.count)..<old.count).reversed() {
                operations.append(["op": "remove", "path": .string(place.appending(index).description)])
            }
            for value in new.dropFirst(old.count) {
                operations.append(["op": "add", "path": .string(place.appending("-").description), "value": value])
            }
        default:
            guard self != other else { return }
            operations.append(["op": "replace", "path": .string(place.description), "value": other])
        }
    }
}
