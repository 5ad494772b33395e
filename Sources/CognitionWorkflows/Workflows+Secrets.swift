package import CognitionCore
import CognitionEvents
import CognitionStorage

/// Secrets of a workspace: set, deleted, listed by name. What one holds is encrypted before it is stored, and is given to
/// tasks alone.
extension Workflows {
    /// Bytes of a secret as JSON.
    package static let secretBytesMax = 64 << 10

    /// Sets a secret; tasks that begin from now on get the new value, also those of executions that run.
    ///
    /// - Parameter also: A write that commits with it, e.g. an entry of an audit trail.
    /// - Returns: The secret, and whether there was none of that name.
    /// - Throws: `secret.name_invalid`, `secret.value_invalid`, `secret.too_many`, `secret.unavailable`.
    package func setSecret(
        _ name: String, to value: JSONValue, as principal: Principal, also: TaskWrite? = nil
    ) async throws -> (secret: StoredSecret, isNew: Bool) {
        guard SecretName.isValid(name) else { throw WorkflowError.invalidSecretName }
        guard let cipher else { throw WorkflowError.noSecrets }
        let bytes = value.jsonBytes
        guard !value.isNull, bytes.count <= Self.secretBytesMax else {
            throw WorkflowError(
                .secretValueInvalid, "a secret is any JSON but null, of at most \(Self.secretBytesMax) bytes")
        }
        let sealed = try cipher.seal(bytes, in: Self.context(of: name, in: principal.workspace))
        let context = EventContext(principal, time: clock.now, ids: ids)
        return try await database.write { tx in
            let result = try SecretStore.set(name, to: sealed, in: principal.workspace, now: context.time, tx)
            try tx.append(
                [WorkflowEvent.secret(name, result.isNew ? "secret.created" : "secret.replaced")],
                to: WorkflowEvent.stream(ofSecret: name), context: context)
            try also?(tx)
            return result
        }
    }

    /// Deletes a secret; tasks that need it fault from now on.
    ///
    /// - Throws: `secret.not_found`.
    package func deleteSecret(_ name: String, as principal: Principal, also: TaskWrite? = nil) async throws {
        let context = EventContext(principal, time: clock.now, ids: ids)
        try await database.write { tx in
            guard try SecretStore.delete(name, in: principal.workspace, tx) else {
                throw WorkflowError(.secretNotFound, "there is no secret of that name in this workspace")
            }
            try tx.append(
                [WorkflowEvent.secret(name, "secret.deleted")], to: WorkflowEvent.stream(ofSecret: name),
                context: context)
            try also?(tx)
        }
    }

    /// Secrets in the order in which they first were set.
    ///
    /// - Parameter cursor: What the page before gave as `next`; 0 for the first.
    /// - Returns: At most `limit` (1...200), and the cursor of the next page.
    package func secrets(
        after cursor: Int64 = 0, limit: Int, in workspace: WorkspaceID
    ) async throws -> (items: [StoredSecret], next: Int64?) {
        let limit = Self.pageSize(limit)
        let page = try await database.read { tx in
            try SecretStore.page(after: cursor, limit: limit + 1, in: workspace, tx)
        }
        return (page.prefix(limit).map(\.secret), page.count > limit ? page[limit - 1].key : nil)
    }

    /// The values of secrets, for an attempt at a task that starts now.
    ///
    /// - Throws: A `WorkflowFault` of type authorization for one that is not there, as the DSL wants it;
    ///   `secret.unreadable`.
    func secretValues(_ names: [String], in workspace: WorkspaceID) async throws -> SecretValues {
        guard !names.isEmpty else { return SecretValues() }
        let sealed = try await database.read { tx in try SecretStore.sealed(names, in: workspace, tx) }
        let found = Dictionary(sealed.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        var values = JSONObject(minimumCapacity: names.count)
        for name in names {
            guard let sealed = found[name], let cipher else {
                throw WorkflowFault(.authorization, "there is no secret '\(name)' in this workspace")
            }
            guard let bytes = try cipher.open(sealed, in: Self.context(of: name, in: workspace)),
                let value = try? JSONValue(parsing: bytes)
            else {
                throw WorkflowError(
                    .secretUnreadable, "no key of this server opens the secret '\(name)'; set it again")
            }
            values[name] = value
        }
        return SecretValues(values)
    }

    /// Binds a value to its place: put into another row it does not open.
    private static func context(of name: String, in workspace: WorkspaceID) -> [UInt8] {
        Array("cognitionos secret\0\(workspace.name)\0\(name)".utf8)
    }
}

extension WorkflowEvent {
    static func stream(ofSecret name: String) -> StreamName { StreamName("secret", name) }

    static func secret(_ name: String, _ type: String) -> NewEvent { NewEvent(type, data: ["name": .string(name)]) }
}

extension WorkflowError {
    static let noSecrets = WorkflowError(.secretsUnavailable, "there are no secrets here: no keys encrypt them")
    static let invalidSecretName = WorkflowError(
        .secretNameInvalid, "a secret's name is 1 to 63 letters, digits, '_' and '-', and begins with a letter or digit"
    )
}

extension ErrorCode {
    /// No secret of that name in the workspace.
    package static let secretNotFound = ErrorCode("secret.not_found", category: .notFound)
    /// The name is not as it has to be.
    package static let secretNameInvalid = ErrorCode("secret.name_invalid", category: .invalid)
    /// The value is null or too long.
    package static let secretValueInvalid = ErrorCode("secret.value_invalid", category: .invalid)
    /// The workspace has as many secrets as it may have.
    package static let tooManySecrets = ErrorCode("secret.too_many", category: .limited)
    /// No key of the server opens the stored value.
    package static let secretUnreadable = ErrorCode("secret.unreadable", category: .internal)
    /// Nothing encrypts secrets here.
    package static let secretsUnavailable = ErrorCode("secret.unavailable", category: .unsupported)
}
