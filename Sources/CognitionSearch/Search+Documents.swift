package import CognitionCore
package import CognitionStorage

/// Documents: written, removed, looked at.
extension Search {
    /// What a write has come to.
    package struct Written: Sendable {
        /// A search that waits for this sequence knows all of the write.
        package let sequence: Int64
        package let accepted: Int
    }

    /// Writes documents, all or none; of the same id the last one counts. One that was there is replaced.
    /// - Throws: `search.index_not_found`, `search.index_reserved`, `search.document_invalid`.
    package func put(
        _ documents: [SearchDocument], into name: String, as principal: Principal
    ) async throws -> Written {
        let address = try writable(name, principal)
        guard documents.count <= Self.batchMax else {
            throw SearchError(
                .searchDocumentInvalid, "a batch has at most \(Self.batchMax) documents, not \(documents.count)")
        }
        let prepared = try documents.map(prepare)
        let (index, receipt) = try await database.write { tx in
            let index = try IndexStore.existing(address, tx)
            return (index, put(prepared, into: index, in: tx))
        }
        copies.want(index)
        return Written(sequence: receipt?.sequence ?? index.sequence, accepted: documents.count)
    }

    /// The same as a program on the other side says it.
    /// - Parameter json: The list `documents` of `POST search/{index}/documents`.
    package func put(json: JSONValue, into name: String, as principal: Principal) async throws -> Written {
        let settings = try await settings(of: try writable(name, principal))
        return try await put(
            SearchDocument.list(
                json: json, at: JSONPointer.root.appending("documents"), max: Self.batchMax, settings: settings),
            into: name, as: principal)
    }

    /// How the index is made now.
    func settings(of address: IndexAddress) async throws -> SearchSettings {
        let text = try await database.read { tx in
            let index = try IndexStore.existing(address, tx)
            return try IndexStore.settings(of: index.key, version: index.settingsVersion, tx) ?? "{}"
        }
        return try SearchSettings(json: JSONValue(parsing: text))
    }

    /// The same as a part of another transaction, for the platform's own documents; ready-made by ``prepare(_:)``.
    /// - Returns: `nil` when there was nothing to write.
    package func put(
        _ documents: [PreparedDocument], into index: StoredIndex, in tx: borrowing Transaction
    ) -> DocumentReceipt? {
        guard !documents.isEmpty else { return nil }
        return tx.commitStep(DocumentStep.self).add(documents, to: index, time: clock.now)
    }

    /// A document as it is stored.
    /// - Throws: `search.document_invalid` for one that is too large.
    package func prepare(_ document: SearchDocument) throws -> PreparedDocument {
        try Self.check(id: document.id)
        guard document.fields.count <= SearchDocument.fieldsMax else {
            throw SearchError(
                .searchDocumentInvalid,
                "document \(document.id) has \(document.fields.count) fields; \(SearchDocument.fieldsMax) are allowed")
        }
        let fields = JSONValue.object(document.fields).jsonText
        guard fields.utf8.count <= settings.documentBytesMax else {
            throw SearchError(
                .searchDocumentInvalid,
                "document \(document.id) has \(fields.utf8.count) bytes; \(settings.documentBytesMax) are allowed")
        }
        let roles = document.roles.map { JSONValue.array(Set($0).sorted().map(JSONValue.string)).jsonText }
        let digest = SHA256Digest(of: Array("\(document.boost)\u{0}\(roles ?? "")\u{0}\(fields)".utf8))
        return PreparedDocument(
            id: document.id, boost: document.boost, roles: roles, fields: fields, digest: digest.bytes,
            fingerprint: document.fingerprint)
    }

    static func check(id: String) throws {
        guard (1...512).contains(id.utf8.count),
            !id.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else {
            throw SearchError(
                .searchDocumentInvalid, "the id of a document has 1 to 512 bytes without control characters")
        }
    }

    /// - Throws: `search.document_not_found`.
    package func remove(_ id: String, from name: String, as principal: Principal) async throws -> Written {
        let address = try writable(name, principal)
        let (index, receipt) = try await database.write { tx in
            let index = try IndexStore.existing(address, tx)
            guard try !DocumentStore.existing([id], of: index.key, tx).isEmpty else {
                throw Self.documentNotFound(id)
            }
            return (index, put([.removal(of: id)], into: index, in: tx))
        }
        copies.want(index)
        return Written(sequence: receipt?.sequence ?? index.sequence, accepted: 1)
    }

    /// - Throws: `search.document_not_found`, also for one that is not there for the caller.
    package func document(_ id: String, of name: String, as caller: SearchCaller) async throws -> JSONValue {
        let address = try address(of: name, for: caller)
        let document = try await database.read { tx in
            try DocumentStore.find([id], of: IndexStore.existing(address, tx).key, tx)[id]
        }
        guard let document, document.isThere(for: caller.roles) else { throw Self.documentNotFound(id) }
        var members: JSONObject = ["id": .string(document.id), "seq": .integer(document.sequence)]
        if document.boost != 1 { members["boost"] = JSONValue(document.boost) }
        if let roles = document.roles { members["roles"] = try JSONValue(parsing: roles) }
        members["fields"] = try JSONValue(parsing: document.fields)
        return .object(members)
    }

    static func documentNotFound(_ id: String) -> SearchError {
        SearchError(.searchDocumentNotFound, "there is no document \(id.prefix(128)) in the index")
    }

    private func writable(_ name: String, _ principal: Principal) throws -> IndexAddress {
        guard IndexName.isFree(name) else {
            guard IndexName.ofPlatform.contains(name) else { throw SearchError.notFound(name) }
            throw SearchError(.searchIndexReserved, "\(name) is written by the platform itself")
        }
        return IndexAddress(name, in: principal.workspace)
    }
}
