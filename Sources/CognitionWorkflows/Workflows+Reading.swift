package import CognitionCore
import CognitionStorage

extension Workflows {
    /// Reads and checks a document without storing it, and fetches the functions of catalogs that it calls.
    ///
    /// Nothing is fetched for a document that has other faults.
    /// - Throws: `DefinitionError` with every fault.
    package func read(_ text: String) async throws -> WorkflowDefinition {
        try await Self.read(text, context: context, fetcher: fetcher)
    }

    /// The same without a database.
    /// - Parameter fetcher: `nil` fetches nothing: a document that calls functions of catalogs is faulty then.
    package static func read(
        _ text: String, context: DefinitionContext, fetcher: FunctionFetcher?
    ) async throws -> WorkflowDefinition {
        var context = context
        for _ in 0..<FunctionFetcher.roundsMax {
            do throws(DefinitionError) {
                return try await parsed(text, context)
            } catch {
                guard let fetcher, !error.missing.isEmpty else { throw error }
                context.fetched.merge(try await fetcher.fetch(error.missing)) { $1 }
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

    /// A stored definition with the functions that were stored with it.
    func storedDefinition(_ key: Int64) async throws -> WorkflowDefinition? {
        let found = try await database.read { tx in try WorkflowStore.source(key, tx) }
        guard let found else { return nil }
        var context = context
        for (name, document) in found.functions { context.fetched[name] = .document(document) }
        return try WorkflowDefinition(document: found.document, context: context)
    }
}
