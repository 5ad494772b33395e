import CognitionCore
import CognitionEvents

/// What the log tells of indexes; documents have a history of their own.
enum SearchEvent {
    static func stream(of index: String) -> StreamName { StreamName("search_index", index) }

    static func created(_ index: StoredIndex) -> NewEvent {
        NewEvent("search_index.created", data: members(of: index))
    }

    static func changed(_ index: StoredIndex, from version: Int64? = nil) -> NewEvent {
        var data = members(of: index).objectValue ?? [:]
        if let version { data["rolled_back_to"] = .integer(version) }
        return NewEvent("search_index.changed", data: .object(data))
    }

    static func deleted(_ name: String) -> NewEvent { NewEvent("search_index.deleted", data: ["index": .string(name)]) }

    private static func members(of index: StoredIndex) -> JSONValue {
        ["index": .string(index.address.name), "settings_version": .integer(index.settingsVersion)]
    }
}
