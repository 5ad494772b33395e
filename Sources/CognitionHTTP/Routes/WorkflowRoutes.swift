import CognitionCore
package import CognitionWorkflows
import HTTPTypes

/// Definitions: stored, listed, archived, deleted.
package struct WorkflowRoutes: RouteGroup {
    package static let tag = "Workflows"
    private let workflows: Workflows

    package init(workflows: Workflows) { self.workflows = workflows }

    package func routes(_ api: inout API) {
        api.route(
            .post, "workflows", document: DefinitionDocument.self, parameters: [Self.revision],
            answers: [
                .created(WorkflowVersionShape.self, "Stored."),
                .ok(WorkflowVersionShape.self, "The same document was stored before."),
            ], errors: [.conflict], access: .permission(.writeWorkflows), summary: "Stores a definition.",
            details: """
                A stored version is never changed: another document under the same version is refused, or with `revision` \
                stored under a version of its own.
                """, use: create)
        api.route(
            .post, "workflows/validate", document: DefinitionDocument.self, answers: [.ok(ValidationShape.self)],
            access: .permission(.readWorkflows), summary: "Checks a definition without storing it.",
            details: "Every fault is named with its place.", use: validate)
        api.route(
            .get, "workflows", parameters: [Self.tagged, Self.owner, Self.state, Query.limit, Query.cursor],
            answers: [.ok(Page<WorkflowShape>.self)], access: .permission(.readWorkflows),
            summary: "Lists workflows, each with its highest version.", use: list)
        api.route(
            .get, "workflows/{id}/versions", parameters: [Path.workflow, Query.limit, Query.cursor],
            answers: [.ok(Page<WorkflowVersionShape>.self)], errors: [.notFound], access: .permission(.readWorkflows),
            summary: "Lists the versions of a workflow.", use: versions)
        api.route(
            .get, "workflows/{id}/{version}", parameters: [Path.workflow, Path.version],
            answers: [.ok(StoredDefinitionShape.self), .notModified], errors: [.notFound],
            access: .permission(.readWorkflows),
            summary: "Shows a definition with its document.", use: show)
        api.route(
            .patch, "workflows/{id}", body: WorkflowChangeRequest.self, parameters: [Path.workflow],
            answers: [.ok(WorkflowShape.self)], errors: [.notFound], access: .permission(.writeWorkflows),
            summary: "Archives, activates or tags a workflow, or says how long its ended executions are kept.",
            details: """
                An archived workflow starts no new executions; running ones go on. With `retention`, executions that have \
                ended longer ago are deleted; their events stay in the log.
                """, use: change)
        api.route(
            .patch, "workflows/{id}/{version}", body: VersionChangeRequest.self,
            parameters: [Path.workflow, Path.version], answers: [.ok(WorkflowVersionShape.self)], errors: [.notFound],
            access: .permission(.writeWorkflows), summary: "Archives or activates a version.",
            details: """
                An archived version starts no new executions; running ones go on. `latest` is the highest version that is \
                not archived, as long as there is one.
                """, use: changeVersion)
        api.route(
            .delete, "workflows/{id}/{version}", parameters: [Path.workflow, Path.version], answers: [.noContent],
            errors: [.notFound, .conflict], access: .permission(.writeWorkflows),
            summary: "Deletes a version that no live execution uses.", use: delete)
    }

    private static let revision = Parameter<Bool>(
        "revision", in: .query, .flag(),
        "True stores a document that was changed without a new version as `VERSION+HASH`, for trying things out.",
        read: { ["true": true, "false": false][$0] })
    private static let tagged = Parameter.text("tag", "Only those with this tag.", bytesMax: WorkflowChange.tagBytesMax)
    private static let owner = Parameter.text("owner", "Only those of this owner, e.g. `user:…`.")
    private static let state = Parameter<WorkflowState>(
        "state", in: .query, WorkflowShape.state, "Only those in this state.", read: WorkflowState.init(rawValue:))

    @Sendable private func create(_ call: Call<String>) async throws -> Answer {
        let definition = try await workflows.read(call.body, as: call.principal)
        let stored = try await workflows.create(
            definition, isRevision: try call.query(Self.revision) ?? false, as: call.principal)
        let body = WorkflowVersionShape(workflow: stored)
        return stored.isNew ? .created(body) : .ok(body)
    }

    @Sendable private func validate(_ call: Call<String>) async throws -> Answer {
        do {
            return .ok(ValidationShape.valid(try await workflows.read(call.body, as: call.principal)))
        } catch let error as DefinitionError {
            return .ok(ValidationShape.invalid(error.faults))
        }
    }

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let filter = WorkflowFilter(
            tag: try call.query(Self.tagged), owner: try call.query(Self.owner), state: try call.query(Self.state))
        let page = try await workflows.list(
            filter, after: try call.cursor(of: "workflows")?.key ?? 0, limit: try call.limit, in: call.workspace)
        return .ok(Page(page.items.map(WorkflowShape.init), next: page.next.map { Cursor("workflows", after: $0) }))
    }

    @Sendable private func versions(_ call: Call<Void>) async throws -> Answer {
        let page = try await workflows.versions(
            of: try call.path(Path.workflow), before: try call.cursor(of: "versions")?.key ?? .max,
            limit: try call.limit,
            in: call.workspace)
        return .ok(
            Page(page.items.map(WorkflowVersionShape.init), next: page.next.map { Cursor("versions", after: $0) }))
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        let definition = try await workflows.definition(
            try call.path(Path.workflow), version: try call.path(Path.version), in: call.workspace)
        return .ok(StoredDefinitionShape(definition: definition)).revalidated()
    }

    @Sendable private func change(_ call: Call<WorkflowChangeRequest>) async throws -> Answer {
        .ok(
            WorkflowShape(
                workflow: try await workflows.update(
                    try call.path(Path.workflow), call.body.change, as: call.principal)))
    }

    @Sendable private func changeVersion(_ call: Call<VersionChangeRequest>) async throws -> Answer {
        .ok(
            WorkflowVersionShape(
                workflow: try await workflows.setState(
                    call.body.state, of: try call.path(Path.workflow), version: try call.path(Path.version),
                    as: call.principal)))
    }

    @Sendable private func delete(_ call: Call<Void>) async throws -> Answer {
        try await workflows.delete(
            try call.path(Path.workflow), version: try call.path(Path.version), as: call.principal)
        return .noContent
    }
}
