package import CognitionCore
import Foundation

extension SearchRequest {
    package static let limitMax = 1_000
    package static let windowMax = 10_000
    package static let filtersMax = 100
    package static let facetsMax = 50
    package static let facetValuesMax = 1_000
    package static let sortKeysMax = 8

    /// Members that ``init(json:kind:)`` reads.
    package static let members = [
        "query", "fields", "filters", "facets", "fuzzy", "operator", "minimum", "limit", "offset", "cursor", "sort",
        "exact_total", "expand", "explain", "why_not",
    ]

    /// Reads a search as `POST search/{index}/query` takes it. Other members than ``members`` are somebody else's.
    ///
    /// - `filters`: an object, for each field a value, a list of values of which one is needed, a range (`gt`, `gte`, `lt`,
    ///   `lte`), `{"exists": true}`, `{"not": …}`, `{"all": […]}` or `{"any": […]}`.
    /// - `facets`: a list of names of fields, or of objects of `field` and `limit`; `separator` and `parent` for values that
    ///   are paths; `ranges`, each with a `name`.
    /// - `sort`: a list of names of fields, with `-` before those that descend, and `score`.
    ///
    /// - Parameter kind: Of a field of the indexes, by its name; `nil` for one that is not there.
    /// - Throws: `search.query_invalid`, with the place in its message.
    package init(json: JSONValue, kind: (String) -> SearchField.Kind?) throws {
        let place = JSONPlace(json, code: .searchQueryInvalid)
        _ = try place.object("a search")
        self.init(.all)
        switch try place.member("operator")?.choice(["or", "and"]) {
        case "and": minimum = .all
        default: break
        }
        if let given = place.member("minimum") { minimum = try MinimumMatch(given) }
        if let query = place.member("query") {
            self.query = try QueryNode(
                json: query.value, at: query.pointer, matchesAll: minimum == .all, kind: kind)
        }
        fields = try place.member("fields")?.texts(max: SearchSettings.fieldsMax)
        if let filters = place.member("filters") { self.filters = try FieldFilter.list(filters) }
        if let facets = place.member("facets") {
            self.facets = try facets.list(max: Self.facetsMax).map(FacetRequest.init)
        }
        if let fuzzy = place.member("fuzzy") { fuzziness = try Fuzziness(fuzzy) }
        if let limit = place.member("limit") { self.limit = try limit.whole(in: 0...Self.limitMax) }
        if let sort = place.member("sort") { self.sort = try sort.list(max: Self.sortKeysMax).map(SortKey.init) }
        countsExactly = try place.member("exact_total")?.flag() ?? false
        expands = try place.member("expand")?.flag() ?? false
        explains = try place.member("explain")?.flag() ?? false
        whyNot = try place.member("why_not")?.text(bytes: 1...SearchDocument.idBytesMax)
        page = try Self.page(place, limit)
    }

    private static func page(_ place: JSONPlace, _ limit: Int) throws -> Page {
        if let cursor = place.member("cursor") {
            guard place.member("offset") == nil else {
                throw place.refusal("a search has one of 'offset' and 'cursor'")
            }
            guard let read = SearchCursor(text: try cursor.text(bytes: 1...65_536)) else {
                throw cursor.refusal("a cursor is one that an answer gave")
            }
            return .after(read)
        }
        guard let offset = place.member("offset") else { return .offset(0) }
        return .offset(try offset.whole(in: 0...(windowMax - limit)))
    }
}

extension SearchRequest.Fuzziness {
    fileprivate init(_ place: JSONPlace) throws {
        switch place.value {
        case true, "on": self = .on
        case false, "off": self = .off
        case "auto": self = .auto
        default: throw place.refusal("true, false, or auto is needed")
        }
    }
}

extension SearchCursor {
    private static let valuesMax = 16

    /// For a client to send back as it is.
    package var text: String {
        let json: JSONValue = [.array(values), .integer(Int64(index)), .integer(sequence)]
        return Data(json.jsonBytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    /// `nil` for what is none.
    package init?(text: String) {
        let padded =
            text.replacing("-", with: "+").replacing("_", with: "/")
            + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let limits = JSONLimits(bytesMax: 65_536, depthMax: 4)
        guard let data = Data(base64Encoded: padded), let json = try? JSONValue(parsing: data, limits: limits),
            let values = json[0]?.arrayValue, values.count <= Self.valuesMax,
            let index = json[1]?.integerValue.flatMap(Int.init(exactly:)), index >= 0,
            let sequence = json[2]?.integerValue
        else { return nil }
        for value in values {
            switch value {
            case .array, .object, .bool: return nil
            default: break
            }
        }
        self.init(values: values, index: index, sequence: sequence)
    }
}

extension FieldFilter {
    static func list(_ place: JSONPlace) throws -> [FieldFilter] {
        let members = try place.object("'filters'")
        guard members.count <= SearchRequest.filtersMax else {
            throw place.refusal("\(SearchRequest.filtersMax) filters are allowed, not \(members.count)")
        }
        return try members.map { name, value in
            let place = JSONPlace(value, place.pointer.appending(name), code: place.code)
            return FieldFilter(field: name, condition: try condition(place, name, depth: 1))
        }
    }

    private static func condition(_ place: JSONPlace, _ field: String, depth: Int) throws -> QueryNode {
        guard depth <= QueryBounds.depthMax else { throw QueryBounds.tooDeep() }
        func several(_ place: JSONPlace) throws -> [QueryNode] {
            try place.list(max: QueryBounds.clausesMax).map { try condition($0, field, depth: depth + 1) }
        }
        switch place.value {
        case .null: return .not(.exists(field: field))
        case .bool, .integer, .number, .literal, .string: return .equals(field: field, value: place.value)
        case .array: return .or(try several(place), minimum: 1)
        case .object(let members):
            if let name = members.keys.first, members.count == 1, let inner = members[name] {
                let inner = JSONPlace(inner, place.pointer.appending(name), code: place.code)
                switch name {
                case "exists":
                    let exists = try inner.flag()
                    return exists ? .exists(field: field) : .not(.exists(field: field))
                case "not": return .not(try condition(inner, field, depth: depth + 1))
                case "all": return .and(try several(inner))
                case "any": return .or(try several(inner), minimum: 1)
                default: break
                }
            }
            return .range(field: field, try ValueRange(place))
        }
    }
}

extension FacetRequest {
    private static let members = ["field", "limit", "separator", "parent", "ranges"]

    init(_ place: JSONPlace) throws {
        if place.value.stringValue != nil {
            self.init(field: try place.text(), kind: .values(limit: 10))
            return
        }
        let members = try place.object("a facet", Self.members)
        guard let field = place.member("field") else { throw place.refusal("'field' is needed") }
        let limit = try place.member("limit")?.whole(in: 1...SearchRequest.facetValuesMax) ?? 10
        if let ranges = place.member("ranges") {
            guard members.count == 2 else {
                throw place.refusal("a facet of 'ranges' has nothing but its 'field' beside them")
            }
            let list = try ranges.list(max: SearchRequest.facetValuesMax).map { item in
                guard let name = item.member("name") else { throw item.refusal("'name' is needed") }
                return (name: try name.text(), range: try ValueRange(item, ["name"]))
            }
            self.init(field: try field.text(), kind: .ranges(list))
        } else if let separator = place.member("separator") {
            let parent = try place.member("parent")?.text(bytes: 1...1_024)
            self.init(
                field: try field.text(),
                kind: .hierarchy(separator: try separator.text(bytes: 1...16), parent: parent, limit: limit))
        } else {
            guard members["parent"] == nil else { throw place.refusal("'parent' goes with 'separator'") }
            self.init(field: try field.text(), kind: .values(limit: limit))
        }
    }
}

extension SortKey {
    init(_ place: JSONPlace) throws {
        var text = try place.text(bytes: 1...256)
        let isDescending = text.hasPrefix("-")
        if isDescending { text.removeFirst() }
        guard !text.isEmpty else { throw place.refusal("the name of a field is needed") }
        // The best come first, whatever the sign.
        self = text == "score" ? SortKey(.score, isDescending: true) : SortKey(.field(text), isDescending: isDescending)
    }
}
