import OrderedCollections

/// Words of running text.
extension QueryPlanner {
    /// A word of the query as the fields read it, and how often it was asked for.
    private struct Word {
        var text: String
        /// For each field; a stop word has no parts.
        var readings: [QueryWord]
        var times = 1.0
        var isPrefix = false

        var isEmpty: Bool { readings.allSatisfy { $0.parts.isEmpty && $0.whole == nil } }

        /// What tells it from other words of the query.
        var key: [[[UInt8]]] { readings.map { $0.parts.map(\.term) + ($0.whole.map { [$0] } ?? []) } }
    }

    func plan(_ words: WordsQuery, boost: Double) throws -> Plan {
        let fields = try fields(words.fields)
        let list = list(words, fields: fields)
        try count(list.count)
        let fuzzy = (words.fuzzy ?? true) && request.fuzziness != .off
        var (plans, place): ([Plan], Int) = ([], 0)
        let synonyms = fields.map { schema.synonyms[$0] }
        while place < list.count {
            if let group = try synonymGroup(list, at: place, fields: fields, synonyms, fuzzy: fuzzy, boost: boost) {
                plans.append(group.plan)
                place += group.length
                continue
            }
            plans.append(
                try plan(list[place], fields: fields, synonyms, fuzzy: fuzzy, boost: boost * list[place].times))
            place += 1
        }
        if plans.isEmpty { return .nothing }
        let minimum =
            switch words.minimum ?? request.minimum {
            case .all: plans.count
            case .any: 1
            case .count(let count): min(max(1, count), plans.count)
            case .percent(let percent): max(1, plans.count * min(max(percent, 1), 100) / 100)
            }
        return combine(plans, minimum: minimum)
    }

    /// The words that are looked for: no stop words, each once, joined prose (`boundary-layer`) as the words it is joined of.
    private func list(_ words: WordsQuery, fields: [Int]) -> [Word] {
        let readings = fields.map { field -> [QueryWord] in
            guard let analyzer = schema.fields[field].analyzer else {
                return words.text.utf8.split { $0 == 0x20 || (0x9...0xD).contains($0) }.map { bytes in
                    QueryWord(
                        text: String(decoding: bytes, as: UTF8.self), whole: nil,
                        parts: [.init(term: Array(bytes), offset: 0, isExact: true)], position: 0)
                }
            }
            return analyzer.queryWords(words.text)
        }
        let count = readings.map(\.count).min() ?? 0
        var (list, known): ([Word], [[[[UInt8]]]: Int]) = ([], [:])
        for place in 0..<count {
            let word = Word(text: readings[0][place].text, readings: readings.map { $0[place] })
            let parts = parted(word)
            for var word in parts {
                word.isPrefix = words.lastIsPrefix && place == count - 1
                if word.isEmpty, !word.isPrefix { continue }
                if !word.isPrefix, count > 1 || parts.count > 1 {
                    let key = word.key
                    if let same = known[key] {
                        list[same].times += 1
                        continue
                    }
                    known[key] = list.count
                }
                list.append(word)
            }
        }
        return list
    }

    private func parted(_ word: Word) -> [Word] {
        guard let joined = word.readings.first(where: \.isJoinedProse) else { return [word] }
        return joined.parts.indices.map { part in
            var one = word
            one.text = joined.parts[part].text
            one.readings = word.readings.map { reading in
                guard reading.isJoinedProse, reading.parts.count == joined.parts.count else {
                    // A field that reads it otherwise takes it as it is, with the first part.
                    return part == 0 ? reading : QueryWord(text: reading.text, whole: nil, parts: [], position: 0)
                }
                return QueryWord(
                    text: reading.parts[part].text, whole: nil, parts: [reading.parts[part]],
                    position: reading.position)
            }
            return one
        }
    }

    private func plan(
        _ word: Word, fields: [Int], _ synonyms: [Synonyms?], fuzzy: Bool, boost: Double
    ) throws -> Plan {
        var variants: [[Plan]] = Array(repeating: [], count: fields.count)
        var misspelt: [(place: Int, term: [UInt8])] = []
        for (place, field) in fields.enumerated() {
            let reading = word.readings[place]
            variants[place] = try plans(reading, field: field, boost: boost)
            if reading.whole == nil, reading.parts.count == 1, !reading.parts[0].isExact, tolerates(field) {
                misspelt.append((place, reading.parts[0].term))
            }
        }
        if word.isPrefix {
            for (place, field) in fields.enumerated() {
                variants[place].append(try prefix(word.text, field: field, boost: boost))
            }
        }
        let isKnown = variants.contains { $0.contains { !$0.isNothing } }
        let edits = WordTerm.editsMax(of: word.text)
        if edits > 0, !misspelt.isEmpty {
            if isKnown, fuzzy, !expandsKnown { couldExpand = true }
            if !isKnown || (fuzzy && expandsKnown) {
                try addMisspellings(
                    of: word.text, misspelt, edits: edits, fields: fields, isKnown: isKnown, adds: fuzzy, boost: boost,
                    to: &variants)
            }
        }
        for (place, field) in fields.enumerated() {
            guard let known = synonyms[place] else { continue }
            let terms = word.readings[place].terms
            guard terms.count == 1, let match = known.variants(of: terms, at: 0) else { continue }
            let group = lookUp(terms[0], field: field).documents
            for variant in match.variants {
                variants[place].append(try plan(variant, group: group, field: field, boost: boost))
            }
        }
        return .named(word.isPrefix ? .beginning(word.text) : .word(word.text), sum(variants.map(best)))
    }

    /// What a field makes of a word: an identifier as a whole, its parts side by side, or a term.
    private func plans(_ word: QueryWord, field: Int, boost: Double) throws -> [Plan] {
        var plans: [Plan] = []
        if let whole = word.whole {
            let found = lookUp(whole, field: field)
            plans.append(leaf(found, group: found.documents, factor: 1, boost: boost))
        }
        if word.parts.count == 1 {
            let found = lookUp(word.parts[0].term, field: field)
            plans.append(leaf(found, group: found.documents, factor: 1, boost: boost))
            if word.parts[0].isLoneCharacter {
                plans.append(try prefix(word.parts[0].text, field: field, boost: boost))
            }
        } else if !word.parts.isEmpty {
            let terms = word.parts.map { WordTerm(term: $0.term, position: $0.offset, isExact: true, editsMax: 0) }
            plans.append(try phrase(terms, text: word.text, field: field, slop: 0, boost: boost))
        }
        return plans
    }

    // MARK: - Misspellings

    private func tolerates(_ field: Int) -> Bool {
        schema.fields[field].kind == .text && schema.settings.fields.elements[field].value.toleratesTypos
    }

    /// Adds what the word may have been meant to be: the terms that are nearest to it, in any of the fields.
    private func addMisspellings(
        of word: String, _ misspelt: [(place: Int, term: [UInt8])], edits: Int, fields: [Int], isKnown: Bool,
        adds: Bool,
        boost: Double, to plans: inout [[Plan]]
    ) throws {
        var found: [(place: Int, term: [UInt8], variants: TypoVariants)] = []
        let folded = terms(of: word, with: schema.folder)
        for (place, term) in misspelt {
            let variants = try TypoVariants.nearest(
                to: folded.count == 1 ? folded[0].term : term, editsMax: edits, field: fields[place], in: snapshot,
                leavesOut: isKnown ? term : nil)
            if !variants.terms.isEmpty { found.append((place, term, variants)) }
        }
        guard let nearest = found.map(\.variants.distance).min() else { return }
        var best: (documents: Int, text: String)?
        for (place, term, variants) in found where variants.distance == nearest {
            if adds, variants.isLimited { typoLimited = true }
            let known = lookUp(term, field: fields[place]).documents
            let terms = variants.terms.map { lookUp($0.term, field: fields[place]) }
            let group = known > 0 ? known : terms.map(\.documents).max() ?? 0
            for (variant, term) in zip(variants.terms, terms) {
                if term.documents > best?.documents ?? 0 {
                    best = (term.documents, String(decoding: variant.form, as: UTF8.self))
                }
                var factor = 1.0
                for _ in 0..<variants.distance { factor *= 0.7 }
                if adds { plans[place].append(leaf(term, group: group, factor: factor, boost: boost)) }
            }
        }
        if !isKnown, let best { corrections[word] = best.text }
    }

    // MARK: - Synonyms

    /// A synonym of one term or several.
    private func plan(_ variant: [[UInt8]], group: Int, field: Int, boost: Double) throws -> Plan {
        if variant.count == 1 {
            let found = lookUp(variant[0], field: field)
            return leaf(found, group: group > 0 ? group : found.documents, factor: 1, boost: boost)
        }
        let terms = variant.enumerated().map { WordTerm(term: $1, position: $0, isExact: true, editsMax: 0) }
        let text = variant.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
        return try phrase(terms, text: text, field: field, slop: 0, boost: boost)
    }

    /// Several words that together have a synonym: the words, or it.
    private func synonymGroup(
        _ list: [Word], at place: Int, fields: [Int], _ synonyms: [Synonyms?], fuzzy: Bool, boost: Double
    ) throws -> (plan: Plan, length: Int)? {
        var found: (length: Int, plans: [Plan])?
        for (number, field) in fields.enumerated() {
            guard let known = synonyms[number] else { continue }
            var (terms, ends): ([[UInt8]], [Int]) = ([], [])
            for word in list[place...].prefix(8) {
                terms += word.readings[number].terms
                ends.append(terms.count)
            }
            guard !terms.isEmpty, let match = known.variants(of: terms, at: 0),
                let words = ends.firstIndex(of: match.length), words > 0
            else { continue }
            let plans = try match.variants.map { try plan($0, group: 0, field: field, boost: boost) }
            if words + 1 > found?.length ?? 0 {
                found = (words + 1, plans)
            } else if words + 1 == found?.length {
                found?.plans += plans
            }
        }
        guard let found else { return nil }
        let words = try list[place..<place + found.length].map {
            try plan($0, fields: fields, synonyms, fuzzy: fuzzy, boost: boost * $0.times)
        }
        let all = combine(words, minimum: request.minimum == .all ? words.count : 1)
        let text = list[place..<place + found.length].map(\.text).joined(separator: " ")
        return (.named(.synonyms(text), best([all, sum(found.plans)])), found.length)
    }
}

extension Plan {
    var isNothing: Bool {
        switch self {
        case .nothing: true
        case .named(_, let plan): plan.isNothing
        default: false
        }
    }
}
