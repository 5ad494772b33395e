package import CognitionCore
import CognitionStorage
import OrderedCollections

/// What is to be searched and shown.
package struct SearchOrder: Sendable {
    /// What is shown of the fields of hits.
    package enum Shown: Sendable, Equatable {
        case none
        case all
        case only([String])
    }

    package var request: SearchRequest
    /// As somebody has written it; `nil` for what a program has put together. Analytics count it.
    package var text: String?
    /// The index must know the changes up to here.
    package var waitSequence: Int64?
    package var waitLimit = Search.waitStandard
    package var shown = Shown.all
    package var highlight: Highlighter.Options?

    package init(_ request: SearchRequest) { self.request = request }
}

/// What was found, with what documents hold now.
package struct SearchFound: Sendable {
    package struct Hit: Sendable {
        package let hit: SearchAnswer.Hit
        /// Name of the index.
        package let index: String
        /// `nil` where nothing of it is to be shown.
        package let document: StoredDocument?
    }

    package let answer: SearchAnswer
    package let hits: [Hit]
    /// Names of the indexes that were searched.
    package let indexes: [String]
    /// How each was made, for whoever highlights.
    package let settings: [SearchSettings]
    /// From the question until the answer, without reading what documents hold.
    package let took: Duration
    /// The query as it may have been meant.
    package var didYouMean: String?
}

/// Searching.
extension Search {
    /// A copy that answers, and as what it does.
    struct Target: Sendable {
        let copy: IndexCopy
        var build: IndexBuild
        var name: String { copy.address.name }
    }

    private static let indexesAtOnceMax = 20

    /// - Parameter names: Of an index, of several separated by commas, or `_all`.
    /// - Throws: `search.index_not_found`, `search.index_building`, `search.sequence_not_reached`, `search.query_invalid`.
    package func search(_ names: String, _ order: SearchOrder, as caller: SearchCaller) async throws -> SearchFound {
        try await counted {
            try await search(try await targets(names, as: caller), order, as: caller)
        }
    }

    /// The same as a program on the other side asks and is answered.
    /// - Parameter json: The body of `POST search/{index}/query`.
    package func query(_ names: String, _ json: JSONValue, as caller: SearchCaller) async throws -> [UInt8] {
        try await counted {
            let targets = try await targets(names, as: caller)
            let order = try SearchOrder(json: json, kind: Self.kinds(of: targets))
            return try await search(targets, order, as: caller).json(of: order)
        }
    }

    /// How the score of each hit came about; analytics do not count it.
    /// - Parameter json: As that of ``query(_:_:as:)``.
    package func explain(_ names: String, _ json: JSONValue, as caller: SearchCaller) async throws -> [UInt8] {
        try await counted {
            let targets = try await targets(names, as: caller)
            var order = try SearchOrder(json: json, kind: Self.kinds(of: targets))
            order.request.explains = true
            return try await search(targets, order, isCounted: false, as: caller).json(of: order)
        }
    }

    private func counted<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch {
            metrics.recordFailure()
            throw error
        }
    }

    /// Of a field the kind that it has in the first of the indexes which has it.
    static func kinds(of targets: [Target]) -> (String) -> SearchField.Kind? {
        { name in
            for target in targets {
                if let field = target.build.settings.fields[name] { return field.kind }
            }
            return nil
        }
    }

    /// Which indexes are meant, each able to answer.
    func targets(_ names: String, as caller: SearchCaller) async throws -> [Target] {
        // The usual case comes first: one index that is open.
        if let copy = copies.opened(try soleAddress(names, for: caller)), let build = copy.answering {
            return [Target(copy: copy, build: build)]
        }
        var targets: [Target] = []
        for address in try await addresses(names, as: caller) {
            do {
                let copy = try await copies.copy(of: address)
                targets.append(Target(copy: copy, build: try await copy.answering(within: Self.buildingWait)))
            } catch let error as SearchError where error.code == .searchIndexNotFound && names == IndexName.all {
                // It was deleted since the list was made.
                continue
            }
        }
        return targets
    }

    /// Some address for a list of names, of which no index can have it.
    private func soleAddress(_ names: String, for caller: SearchCaller) throws -> IndexAddress {
        guard names.utf8.contains(UInt8(ascii: ",")) || names == IndexName.all else {
            return try address(of: names, for: caller)
        }
        return IndexAddress("", in: caller.workspace)
    }

    private func addresses(_ names: String, as caller: SearchCaller) async throws -> [IndexAddress] {
        guard names == IndexName.all else {
            var seen: Set<String> = []
            let list = names.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
                .filter { seen.insert($0).inserted }
            guard list.count <= Self.indexesAtOnceMax else {
                throw SearchError(
                    .searchQueryInvalid, "a search is of at most \(Self.indexesAtOnceMax) named indexes, or of _all")
            }
            return try list.map { try address(of: $0, for: caller) }
        }
        let limit = settings.indexesMax + IndexName.ofPlatform.count
        return try await database.read { tx in
            var found = try IndexStore.list(in: caller.workspace, after: "", limit: limit, tx).map(\.address)
            if try IndexStore.find(Self.documentation, tx) != nil { found.append(Self.documentation) }
            return found.filter { caller.maySearch($0.name) }
        }
    }

    func search(
        _ targets: [Target], _ order: SearchOrder, isCounted: Bool = true, as caller: SearchCaller
    ) async throws -> SearchFound {
        let targets = try await waited(targets, order)
        var request = order.request
        request.roles = caller.roles
        let now = clock.now
        request.now = now
        let start = ContinuousClock.now
        var answer = try answer(request, of: targets)
        let took = ContinuousClock.now - start
        metrics.record(hits: answer.total.value, took: took)
        for target in targets where isCounted {
            queries.note(
                order.text, of: target.copy.key, at: now, by: caller.principal.actor, hits: answer.total.value,
                took: took)
        }
        if let id = request.whyNot, caller.roles != nil {
            answer.whyNot = try await whyNot(id, answer.whyNot, of: targets, for: caller)
        }
        var found = SearchFound(
            answer: answer, hits: try await filled(answer.hits, of: targets, order.shown, as: caller),
            indexes: targets.map(\.name), settings: targets.map(\.build.settings), took: took)
        if let text = order.text, !answer.corrections.isEmpty {
            found.didYouMean = try await didYouMean(text, answer.corrections, in: targets, for: caller)
        }
        return found
    }

    /// Of a document that is not there for the caller no more is said than of one that there is not.
    private func whyNot(
        _ id: String, _ reason: String?, of targets: [Target], for caller: SearchCaller
    ) async throws -> String? {
        let keys = targets.map(\.copy.key)
        let found = try await database.read { tx in
            try keys.compactMap { try DocumentStore.find([id], of: $0, tx)[id] }
        }
        guard found.contains(where: { $0.isThere(for: caller.roles) }) else {
            return "There is no document “\(id)” in the index."
        }
        return reason
    }

    private func waited(_ targets: [Target], _ order: SearchOrder) async throws -> [Target] {
        guard let sequence = order.waitSequence else { return targets }
        guard let copy = targets.first?.copy, targets.count == 1 else {
            throw SearchError(.searchQueryInvalid, "wait_for_seq is for a search of one index")
        }
        try await copy.reach(sequence, within: min(order.waitLimit, Self.waitMax))
        // Another making may answer by now.
        return [Target(copy: copy, build: copy.answering ?? targets[0].build)]
    }

    /// - Throws: `search.index_damaged`; another making of the index begins then.
    func answer(_ request: SearchRequest, of targets: [Target]) throws -> SearchAnswer {
        do {
            return try IndexSnapshot.search(request, in: targets.map { $0.build.index.snapshot() })
        } catch let error as SearchError where error.code == .searchIndexDamaged {
            // Which of several it was is not known: what is sound is made anew for nothing, once.
            for target in targets { target.copy.noteDamage(of: target.build, error) }
            throw error
        }
    }

    /// Hits with what their documents hold now. One that was removed since, or is not there for the caller any more, is left
    /// out.
    private func filled(
        _ hits: [SearchAnswer.Hit], of targets: [Target], _ shown: SearchOrder.Shown, as caller: SearchCaller
    ) async throws -> [SearchFound.Hit] {
        guard !hits.isEmpty else { return [] }
        guard shown != .none else {
            return hits.map { SearchFound.Hit(hit: $0, index: targets[$0.index].name, document: nil) }
        }
        let ids = Dictionary(grouping: hits, by: \.index).mapValues { $0.map(\.id) }
        let keys = targets.map(\.copy.key)
        let found = try await database.read { tx in
            try ids.reduce(into: [:]) { found, entry in
                found[entry.key] = try DocumentStore.find(entry.value, of: keys[entry.key], tx)
            }
        }
        return hits.compactMap { hit in
            guard let document = found[hit.index]?[hit.id], document.isThere(for: caller.roles) else { return nil }
            return SearchFound.Hit(hit: hit, index: targets[hit.index].name, document: document)
        }
    }
}
