package import CognitionCore
import CognitionStorage

extension Workflows {
    /// Reads and checks a document without storing it, and fetches what it refers to: functions of catalogs and schemas.
    ///
    /// Nothing is fetched for a document that has other faults, for one that is stored already, whose documents are those
    /// that were stored with it, or for a principal who may not store one.
    /// - Throws: `DefinitionError` with every fault.
    package func read(_ text: String, as principal: Principal) async throws -> WorkflowDefinition {
        var context = context
        do throws(DefinitionError) {
            return try await Self.parsed(text, context)
        } catch {
            guard let missing = error.missing else { throw error }
            let stored = try await database.read { tx in
                try WorkflowStore.fetched(for: missing.id, hash: missing.hash, in: principal.workspace, tx)
            }
            for (name, document) in stored ?? [:] { context.fetched[name] = .document(document) }
        }
        let mayFetch = principal.may(.writeWorkflows)
        return try await Self.read(text, context: context, fetcher: mayFetch ? fetcher : nil)
    }

    /// The same without a database.
    /// - Parameter fetcher: `nil` fetches nothing: a document that refers to others is faulty then.
    package static func read(
        _ text: String, context: DefinitionContext, fetcher: DocumentFetcher?
    ) async throws -> WorkflowDefinition {
        var context = context
        for _ in 0..<DocumentFetcher.roundsMax {
            do throws(DefinitionError) {
                return try await parsed(text, context)
            } catch {
                guard let fetcher, let missing = error.missing else { throw error }
                context.fetched.merge(try await fetcher.fetch(missing.documents)) { $1 }
            }
        }
        return try await parsed(text, context)
    }

    /// On a thread of its own choice: a large document takes a while.
    @concurrent private static func parsed(
        _ text: String, _ context: DefinitionContext
    ) async throws(DefinitionError) -> WorkflowDefinition {
        try WorkflowDefinition(reading: text, context: context)
    }

    /// A stored definition with the documents that were stored with it.
    func storedDefinition(_ key: Int64) async throws -> WorkflowDefinition? {
        let found = try await database.read { tx in try WorkflowStore.source(key, tx) }
        guard let found else { return nil }
        var context = context
        // What the installation allows may have changed since; then its tasks fault, and say so.
        context.processes = ProcessRules(allowsShell: true, allowsNetwork: true)
        for (name, document) in found.fetched { context.fetched[name] = .document(document) }
        return try WorkflowDefinition(document: found.document, context: context)
    }
}
