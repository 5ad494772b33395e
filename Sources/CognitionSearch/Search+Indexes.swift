package import CognitionCore
import CognitionEvents
import CognitionStorage

/// Indexes: made, looked at, changed, deleted.
extension Search {
    /// An index and what it is made with.
    package struct IndexView: Sendable {
        package let index: StoredIndex
        package let settings: SearchSettings
        /// Of this node's copy; of the database where there is none.
        package var documents: Int
        package var isRebuilding = false

        /// The settings, and how the index stands.
        package var json: JSONValue {
            var members: JSONObject = ["name": .string(index.address.name)]
            members.merge(settings.json.objectValue ?? [:])
            members.merge([
                "settings_version": .integer(index.settingsVersion), "seq": .integer(index.sequence),
                "documents": .integer(Int64(documents)), "rebuilding": .bool(isRebuilding),
                "created_at": .string(index.createdAt.description), "updated_at": .string(index.changedAt.description),
            ])
            return .object(members)
        }
    }

    /// - Throws: `search.index_not_found`.
    package func index(_ name: String, as caller: SearchCaller) async throws -> IndexView {
        let address = try address(of: name, for: caller)
        return try await database.read { tx in
            let index = try IndexStore.existing(address, tx)
            return try view(of: index, tx)
        }
    }

    private func view(of index: StoredIndex, _ tx: borrowing Transaction) throws -> IndexView {
        let text = try IndexStore.settings(of: index.key, version: index.settingsVersion, tx) ?? "{}"
        let copy = copies.opened(index.address)
        let count = try copy?.current?.index.snapshot().documentCount ?? DocumentStore.count(of: index.key, tx)
        return IndexView(
            index: index, settings: try SearchSettings(json: JSONValue(parsing: text)), documents: count,
            isRebuilding: copy?.isRebuilding ?? false)
    }

    /// Indexes that the caller may search, by name.
    package func indexes(after name: String, limit: Int, as caller: SearchCaller) async throws -> [IndexView] {
        try await database.read { tx in
            var found: [StoredIndex] = []
            if caller.maySearch(IndexName.documentation), IndexName.documentation > name {
                found += try [IndexStore.find(Self.documentation, tx)].compactMap(\.self)
            }
            // Those of the platform are few, so that a page is short of at most these.
            found += try IndexStore.list(
                in: caller.workspace, after: name, limit: limit + IndexName.ofPlatform.count, tx
            ).filter { caller.maySearch($0.address.name) }
            return try found.sorted { $0.address.name < $1.address.name }.prefix(limit).map { try view(of: $0, tx) }
        }
    }

    static let documentation = IndexAddress(IndexName.documentation, in: .platform)

    /// Where the index of that name is, for whoever may search it.
    /// - Throws: `search.index_not_found`, also for what the caller may not search.
    func address(of name: String, for caller: SearchCaller) throws -> IndexAddress {
        guard IndexName.isWellFormed(name), caller.maySearch(name) else { throw SearchError.notFound(name) }
        return name == IndexName.documentation ? Self.documentation : IndexAddress(name, in: caller.workspace)
    }

    /// - Throws: `search.index_reserved` for a name that is none of users'.
    private func ownAddress(_ name: String, _ principal: Principal) throws -> IndexAddress {
        guard IndexName.isFree(name) else {
            throw SearchError(
                .searchIndexReserved,
                IndexName.isWellFormed(name)
                    ? "indexes whose names begin with _ are kept by the platform itself"
                    : "a name of an index matches [a-z0-9][a-z0-9_-]{0,62}")
        }
        return IndexAddress(name, in: principal.workspace)
    }

    /// Makes an index, or changes how it is made; then each node makes its copy anew, and the one before answers meanwhile.
    ///
    /// The same settings again change nothing.
    /// - Returns: The index, and whether it is new.
    /// - Throws: `search.index_reserved`, `search.indexes_too_many`.
    package func setIndex(
        _ name: String, to settings: SearchSettings, as principal: Principal
    ) async throws -> (view: IndexView, isNew: Bool) {
        let address = try ownAddress(name, principal)
        return try await set(address, to: settings, by: principal.actor, indexesMax: self.settings.indexesMax)
    }

    /// The same for an index of the platform.
    func set(
        _ address: IndexAddress, to settings: SearchSettings, by actor: String, indexesMax: Int = .max
    ) async throws -> (view: IndexView, isNew: Bool) {
        let text = settings.json.jsonText
        let context = context(actor, address.workspace)
        let (index, isNew) = try await database.write { tx in
            guard let held = try IndexStore.hold(address, tx) else {
                // Two that are made at once may be one too many, which does no harm.
                guard try IndexStore.count(in: address.workspace, tx) < indexesMax else {
                    throw SearchError(.searchIndexesTooMany, "a workspace has at most \(indexesMax) indexes")
                }
                let index = try IndexStore.create(address, settings: text, by: actor, now: context.time, tx)
                try append(SearchEvent.created(index), to: address, context, tx)
                return (index, true)
            }
            guard try IndexStore.settings(of: held.key, version: held.settingsVersion, tx) != text else {
                return (held, false)
            }
            return (try change(held, to: text, context, tx), false)
        }
        copies.want(index)
        return (try await database.read { tx in try view(of: index, tx) }, isNew)
    }

    private func change(
        _ index: StoredIndex, to text: String, from version: Int64? = nil, _ context: EventContext,
        _ tx: borrowing Transaction
    ) throws -> StoredIndex {
        let changed = try IndexStore.change(index, to: text, by: context.actor, now: context.time, tx)
        try append(SearchEvent.changed(changed, from: version), to: index.address, context, tx)
        tx.signal(.searchDocuments)
        return changed
    }

    /// Settings that the index has and had, the last first.
    package func settingsHistory(of name: String, as principal: Principal) async throws -> [SettingsVersion] {
        let address = try address(of: name, for: SearchCaller(principal, roles: nil))
        return try await database.read { tx in
            try IndexStore.settingsHistory(of: IndexStore.existing(address, tx).key, tx)
        }
    }

    /// Gives the index settings again that it had before.
    /// - Throws: `search.version_not_found`.
    package func rollBack(
        _ name: String, toVersion version: Int64, as principal: Principal
    ) async throws -> IndexView {
        let address = try ownAddress(name, principal)
        let context = context(principal.actor, address.workspace)
        let index = try await database.write { tx in
            guard let index = try IndexStore.hold(address, tx) else { throw SearchError.notFound(name) }
            guard let text = try IndexStore.settings(of: index.key, version: version, tx) else {
                throw SearchError(.searchVersionNotFound, "the index has no settings of version \(version)")
            }
            guard try IndexStore.settings(of: index.key, version: index.settingsVersion, tx) != text else {
                return index
            }
            return try change(index, to: text, from: version, context, tx)
        }
        copies.want(index)
        return try await database.read { tx in try view(of: index, tx) }
    }

    /// - Throws: `search.index_not_found`.
    package func deleteIndex(_ name: String, as principal: Principal) async throws {
        let address = try ownAddress(name, principal)
        let context = context(principal.actor, address.workspace)
        try await database.write { tx in
            guard let index = try IndexStore.hold(address, tx) else { throw SearchError.notFound(name) }
            try IndexStore.delete(index.key, tx)
            try append(SearchEvent.deleted(name), to: address, context, tx)
            tx.signal(.searchDocuments)
        }
        if let copy = copies.opened(address) { await copies.discard(copy) }
    }

    func context(_ actor: String, _ workspace: WorkspaceID) -> EventContext {
        EventContext(Principal(actor: actor, workspace: workspace), time: clock.now, ids: ids)
    }

    private func append(
        _ event: NewEvent, to address: IndexAddress, _ context: EventContext, _ tx: borrowing Transaction
    ) throws {
        try tx.append([event], to: SearchEvent.stream(of: address.name), context: context)
    }
}
