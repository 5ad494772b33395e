package import CognitionCore

extension SearchOrder {
    /// Members of a search besides those of ``SearchRequest/members``.
    package static let members = ["highlight", "return_fields", "wait_for_seq", "wait_seconds"]

    /// Reads a search as `POST search/{index}/query` takes it.
    ///
    /// - Parameter kind: Of a field of the indexes, by its name; `nil` for one that is not there.
    /// - Throws: `search.query_invalid`, with the place in its message.
    package init(json: JSONValue, kind: (String) -> SearchField.Kind?) throws {
        let place = JSONPlace(json, code: .searchQueryInvalid)
        _ = try place.object("a search", SearchRequest.members + Self.members)
        self.init(try SearchRequest(json: json, kind: kind))
        guard request.limit <= Search.limitMax else {
            throw place.refusal("a page has at most \(Search.limitMax) hits, not \(request.limit)")
        }
        if let unknown = request.fields?.first(where: { kind($0) == nil }) {
            throw place.refusal("there is no field '\(unknown.prefix(255))' to look in")
        }
        text = json["query"]?.stringValue
        if let given = place.member("return_fields") {
            switch given.value {
            case true: shown = .all
            case false: shown = .none
            default: shown = .only(try given.texts(max: SearchSettings.fieldsMax))
            }
        }
        if let given = place.member("highlight") {
            highlight = try Highlighter.Options.reading(given.value, at: given.pointer)
        }
        request.namesTerms = highlight != nil
        if let sequence = place.member("wait_for_seq") {
            waitSequence = Int64(try sequence.whole(in: 0...Int.max))
        }
        if let seconds = place.member("wait_seconds") {
            waitLimit = .milliseconds(Int64(try seconds.number(in: 0...30) * 1_000))
        }
    }
}
