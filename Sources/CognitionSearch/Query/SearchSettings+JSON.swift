package import CognitionCore
import OrderedCollections

extension SearchSettings {
    package static let fieldsMax = 1_000
    package static let synonymGroupsMax = 10_000
    package static let synonymsMax = 100
    static let fieldBoosts = 0.001...1_000.0
    static let halfLives = 1.0...3_153_600_000.0

    /// Reads settings as `PUT search/{index}` takes them: `fields`, each with its `type`, and `boost`, `analyzer`, `facet`,
    /// `sort`, `typo`; `synonyms`, groups of texts; `ranking` with `k1`, `b`, `decay`.
    ///
    /// - Throws: `search.settings_invalid`, with the place in its message.
    package init(json: JSONValue) throws {
        let place = JSONPlace(json, code: .searchSettingsInvalid)
        _ = try place.object("the settings", ["fields", "synonyms", "ranking"])
        guard let given = place.member("fields") else { throw place.refusal("'fields' is needed") }
        let fields = try given.object("'fields'")
        guard (1...Self.fieldsMax).contains(fields.count) else {
            throw given.refusal("1 to \(Self.fieldsMax) fields are needed, not \(fields.count)")
        }
        self.init()
        for name in fields.keys {
            let place = JSONPlace(fields[name] ?? .null, given.pointer.appending(name), code: given.code)
            guard Self.isFieldName(name) else {
                throw place.refusal(
                    "the name of a field has 1 to 255 letters, digits, '_', '-' and '.', a letter or '_' first")
            }
            self.fields[name] = try SearchField(place)
        }
        if let synonyms = place.member("synonyms") {
            self.synonyms = try synonyms.list(max: Self.synonymGroupsMax).map { group in
                let words = try group.texts(max: Self.synonymsMax)
                guard words.count > 1 else { throw group.refusal("a group has two or more texts") }
                return words
            }
        }
        if let ranking = place.member("ranking") { self.ranking = try Ranking(ranking, self.fields) }
    }

    /// The settings as ``init(json:)`` reads them; only what differs from what it takes for granted.
    package var json: JSONValue {
        var members: JSONObject = [
            "fields": .object(JSONObject(fields.elements.map { ($0.key, $0.value.json) }))
        ]
        if !synonyms.isEmpty { members["synonyms"] = .array(synonyms.map { .array($0.map(JSONValue.string)) }) }
        if ranking != Ranking() { members["ranking"] = ranking.json }
        return .object(members)
    }

    private static func isFieldName(_ name: String) -> Bool {
        guard (1...255).contains(name.utf8.count), let first = name.utf8.first else { return false }
        func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte & 0xDF) || byte == UInt8(ascii: "_") }
        return isLetter(first)
            && name.utf8.allSatisfy {
                isLetter($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
            }
    }
}

extension SearchField {
    private static let members = ["type", "boost", "analyzer", "facet", "sort", "typo"]

    fileprivate init(_ place: JSONPlace) throws {
        _ = try place.object("a field", Self.members)
        guard let type = place.member("type") else { throw place.refusal("'type' is needed") }
        guard let kind = Kind(rawValue: try type.choice(Kind.allCases.map(\.rawValue))) else {
            throw type.refusal("there is no such type")
        }
        self.init(kind)
        if let boost = place.member("boost") { self.boost = try boost.number(in: SearchSettings.fieldBoosts) }
        if let analyzer = place.member("analyzer") {
            guard kind == .text else { throw analyzer.refusal("only a text has an analyzer") }
            self.analyzer = AnalyzerName(try analyzer.choice(Analyzers.names))
        }
        if let typo = place.member("typo") {
            guard kind == .text else { throw typo.refusal("only a text tolerates misspellings") }
            toleratesTypos = try typo.flag()
        }
        if let facet = place.member("facet") { isFacet = try facet.flag() }
        if let sort = place.member("sort") { isSortable = try sort.flag() }
        guard kind != .text || !(isFacet || isSortable) else {
            throw place.refusal("values of a text are not counted or sorted by; a keyword's are")
        }
    }

    fileprivate var json: JSONValue {
        let standard = SearchField(kind)
        var members: JSONObject = ["type": .string(kind.rawValue)]
        if boost != standard.boost { members["boost"] = JSONValue(boost) }
        if analyzer != standard.analyzer { members["analyzer"] = .string(analyzer.text) }
        if isFacet { members["facet"] = true }
        if isSortable { members["sort"] = true }
        if !toleratesTypos { members["typo"] = false }
        return .object(members)
    }
}

extension Ranking {
    fileprivate init(_ place: JSONPlace, _ fields: OrderedDictionary<String, SearchField>) throws {
        _ = try place.object("'ranking'", ["k1", "b", "decay"])
        self.init()
        if let k1 = place.member("k1") { self.k1 = try k1.number(in: 0...10) }
        if let b = place.member("b") { self.b = try b.number(in: 0...1) }
        guard let given = place.member("decay") else { return }
        _ = try given.object("'decay'", ["field", "half_life_seconds", "floor"])
        guard let field = given.member("field"), let halfLife = given.member("half_life_seconds") else {
            throw given.refusal("'field' and 'half_life_seconds' are needed")
        }
        let name = try field.text()
        guard fields[name]?.kind == .date else { throw field.refusal("a field of type date is needed") }
        let seconds = try halfLife.number(in: SearchSettings.halfLives)
        var decay = Decay(field: name, halfLife: .microseconds(Int64((seconds * 1_000_000).rounded())))
        if let floor = given.member("floor") { decay.floor = try floor.number(in: 0...1) }
        self.decay = decay
    }

    fileprivate var json: JSONValue {
        let standard = Ranking()
        var members: JSONObject = [:]
        if k1 != standard.k1 { members["k1"] = JSONValue(k1) }
        if b != standard.b { members["b"] = JSONValue(b) }
        if let decay {
            var inner: JSONObject = [
                "field": .string(decay.field), "half_life_seconds": JSONValue(decay.halfLife.seconds),
            ]
            if decay.floor != 0 { inner["floor"] = JSONValue(decay.floor) }
            members["decay"] = .object(inner)
        }
        return .object(members)
    }
}
