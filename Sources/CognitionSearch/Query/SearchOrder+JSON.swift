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
        text = json["query"]?.stringValue
        if let given = place.member("return_fields") {
            switch given.value {
            case true: shown = .all
            case false: shown = .none
            default: shown = .only(try given.texts(max: SearchSettings.fieldsMax))
            }
        }
        if let given = place.member("highlight") { highlight = try HighlightOrder(given) }
        request.namesTerms = highlight != nil
        if let sequence = place.member("wait_for_seq") {
            waitSequence = Int64(try sequence.whole(in: 0...Int.max))
        }
        if let seconds = place.member("wait_seconds") {
            waitLimit = .milliseconds(Int64(try seconds.number(in: 0...30) * 1_000))
        }
    }
}

/// Where and how it is shown what was found in a document.
package struct HighlightOrder: Sendable {
    /// Fields; `nil` for all text fields that have matched.
    package var fields: [String]?
    /// Characters of a snippet, about.
    package var length = 160
    /// Snippets of a field.
    package var count = 1
    package var preTag = "<em>"
    package var postTag = "</em>"

    init() {}

    init?(_ place: JSONPlace) throws {
        if let flag = place.value.boolValue {
            guard flag else { return nil }
            return
        }
        _ = try place.object("'highlight'", ["fields", "length", "count", "pre_tag", "post_tag"])
        fields = try place.member("fields")?.texts(max: SearchSettings.fieldsMax)
        if let length = place.member("length") { self.length = try length.whole(in: 20...2_000) }
        if let count = place.member("count") { self.count = try count.whole(in: 1...10) }
        if let tag = place.member("pre_tag") { preTag = try tag.text(bytes: 0...64) }
        if let tag = place.member("post_tag") { postTag = try tag.text(bytes: 0...64) }
    }
}
