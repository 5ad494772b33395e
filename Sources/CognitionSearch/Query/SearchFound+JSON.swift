package import CognitionCore

extension SearchFound {
    /// The answer to a search, as bytes: what documents hold goes through as it is stored, without being read.
    package func json(of order: SearchOrder) throws -> [UInt8] {
        var writer = JSONObjectWriter(
            capacity: 1_024 + hits.reduce(0) { $0 + 128 + ($1.document?.fields.utf8.count ?? 0) })
        writer.member(
            "total",
            [
                "value": .integer(Int64(answer.total.value)), "relation": answer.total.isLowerBound ? "gte" : "eq",
            ])
        writer.member("took_ms", JSONValue(Double(took.microseconds) / 1_000))
        try writer.list("hits", hits) { hit, writer in try write(hit, order, into: &writer) }
        writer.member(
            "facets",
            .object(
                JSONObject(
                    answer.facets.sorted { $0.key < $1.key }.map { field, counts in
                        (
                            field,
                            .array(
                                counts.map { ["value": .string($0.value), "count": .integer(Int64($0.count))] })
                        )
                    })))
        let isFull = answer.hits.count == order.request.limit && order.request.limit > 0
        writer.member("next_cursor", isFull ? answer.hits.last.map { .string($0.cursor.text) } ?? .null : .null)
        if let didYouMean { writer.member("did_you_mean", .string(didYouMean)) }
        if answer.typoLimited { writer.member("typo_limited", true) }
        if let whyNot = answer.whyNot { writer.member("why_not", .string(whyNot)) }
        writer.member("seq", .integer(answer.sequence))
        return writer.end()
    }

    private func write(_ hit: Hit, _ order: SearchOrder, into writer: inout JSONObjectWriter) throws {
        writer.member("id", .string(hit.hit.id))
        if indexes.count > 1 { writer.member("index", .string(hit.index)) }
        writer.member("score", JSONValue(hit.hit.score))
        if let document = hit.document {
            switch order.shown {
            case .none: break
            case .all: writer.member("fields", written: document.fields)
            case .only(let names):
                let fields = try JSONValue(parsing: document.fields)
                writer.member(
                    "fields",
                    .object(JSONObject(names.compactMap { name in fields[name].map { (name, $0) } })))
            }
            if let highlight = order.highlight {
                let snippets = Highlighter.highlights(
                    of: try JSONValue(parsing: document.fields).objectValue ?? [:], terms: hit.hit.terms,
                    settings: settings[hit.hit.index], options: highlight)
                writer.member(
                    "highlights",
                    .object(
                        JSONObject(
                            snippets.sorted { $0.key < $1.key }.map { ($0.key, .array($0.value.map(JSONValue.string))) }
                        )))
            }
        }
        if let explanation = hit.hit.explanation { writer.member("explanation", explanation.json) }
    }
}

extension ScoreExplanation {
    package var json: JSONValue {
        var members: JSONObject = ["text": .string(text), "value": JSONValue(value)]
        if !parts.isEmpty { members["parts"] = .array(parts.map(\.json)) }
        return .object(members)
    }
}

/// Writes the members of an object one after the other.
struct JSONObjectWriter {
    private var bytes: [UInt8] = []
    private var isFirst = true

    init(capacity: Int) {
        bytes.reserveCapacity(capacity)
        bytes.append(UInt8(ascii: "{"))
    }

    private mutating func name(_ name: String) {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
        JSONValue.string(name).writeJSON(into: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }

    mutating func member(_ name: String, _ value: JSONValue) {
        self.name(name)
        value.writeJSON(into: &bytes)
    }

    /// - Parameter text: JSON.
    mutating func member(_ name: String, written text: String) {
        self.name(name)
        bytes += text.utf8
    }

    /// A list of objects.
    mutating func list<Item>(
        _ name: String, _ items: [Item], _ body: (Item, inout JSONObjectWriter) throws -> Void
    ) rethrows {
        self.name(name)
        bytes.append(UInt8(ascii: "["))
        for (place, item) in items.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(UInt8(ascii: "{"))
            isFirst = true
            try body(item, &self)
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: "]"))
        isFirst = false
    }

    mutating func end() -> [UInt8] {
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}
