import CognitionCore
package import CognitionIdentity
import HTTPTypes

/// Workspaces and who belongs to them.
package struct WorkspaceRoutes: RouteGroup {
    package static let tag = "Workspaces"
    private let identity: Identity

    package init(identity: Identity) { self.identity = identity }

    package func routes(_ api: inout API) {
        api.route(
            .get, "workspaces", parameters: [Query.limit, Query.cursor], answers: [.ok(Page<WorkspaceShape>.self)],
            access: .credential, summary: "Lists the workspaces that one is a member of.", use: list)
        api.route(
            .post, "workspaces", body: WorkspaceRequest.self, answers: [.created(WorkspaceShape.self)],
            errors: [.conflict, .limited], access: .token, summary: "Makes a workspace, in which one is admin.",
            details: """
                A login with its `workspace_id` gives tokens that act in it, and the header `X-Workspace-ID` lets a request \
                with any token of one's own.
                """, use: create)
        api.route(
            .get, "workspaces/{id}", parameters: [Self.workspace], answers: [.ok(WorkspaceShape.self)],
            errors: [.notFound], access: .credential, summary: "Shows a workspace that one is a member of.", use: show)
        api.route(
            .get, "workspaces/{id}/members", parameters: [Self.workspace, Query.limit, Query.cursor],
            answers: [.ok(Page<MemberShape>.self)], errors: [.notFound], access: .credential,
            summary: "Lists the members.", use: members)
        api.route(
            .post, "workspaces/{id}/members", body: MemberRequest.self, parameters: [Self.workspace],
            answers: [.created(MemberShape.self)], errors: [.notFound, .conflict, .forbidden], access: .credential,
            summary: "Adds a user of this server.", details: Self.rule, use: add)
        api.route(
            .patch, "workspaces/{id}/members/{user}", body: RoleRequest.self,
            parameters: [Self.workspace, Self.user], answers: [.noContent],
            errors: [.notFound, .conflict, .forbidden], access: .credential, summary: "Changes a member's role.",
            details: Self.rule, use: change)
        api.route(
            .delete, "workspaces/{id}/members/{user}", parameters: [Self.workspace, Self.user],
            answers: [.noContent], errors: [.notFound, .conflict, .forbidden], access: .credential,
            summary: "Removes a member; everybody may remove themselves.",
            details: "A workspace keeps at least one admin. The member's tokens for it are refused at once.",
            use: remove)
    }

    private static let rule = """
        Admins of the workspace may do this; it keeps at least one of them. A changed role holds at once: tokens that were \
        given before are answered as expired, and a refresh brings one with the new role.
        """
    private static let workspace = Parameter.text("id", in: .path, "The workspace's name.", bytesMax: 63)
    private static let user = Parameter<UserID>("user", in: .path, .uuid, "The user's id.", read: UserID.init)

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let page = try await identity.workspaces(of: call.caller, try call.page(of: "workspaces"))
        return .ok(Page(page.items.map(WorkspaceShape.init), next: page.next.map { Cursor("workspaces", after: $0) }))
    }

    @Sendable private func create(_ call: Call<WorkspaceRequest>) async throws -> Answer {
        let workspace = try await identity.createWorkspace(
            call.body.name, title: call.body.title, as: call.caller, from: call.client)
        return .created(WorkspaceShape(membership: try await identity.workspace(workspace.id, as: call.caller)))
    }

    @Sendable private func show(_ call: Call<Void>) async throws -> Answer {
        .ok(WorkspaceShape(membership: try await identity.workspace(try id(call), as: call.caller)))
    }

    @Sendable private func members(_ call: Call<Void>) async throws -> Answer {
        let page = try await identity.members(of: try id(call), try call.page(of: "members"), as: call.caller)
        return .ok(Page(page.items.map(MemberShape.init), next: page.next.map { Cursor("members", after: $0) }))
    }

    @Sendable private func add(_ call: Call<MemberRequest>) async throws -> Answer {
        let member = try await identity.addMember(
            email: call.body.email, role: call.body.role, to: try id(call), as: call.caller, from: call.client)
        return .created(MemberShape(member: member))
    }

    @Sendable private func change(_ call: Call<RoleRequest>) async throws -> Answer {
        try await identity.changeRole(
            of: try call.path(Self.user), to: call.body.role, in: try id(call), as: call.caller, from: call.client)
        return .noContent
    }

    @Sendable private func remove(_ call: Call<Void>) async throws -> Answer {
        try await identity.removeMember(
            try call.path(Self.user), from: try id(call), as: call.caller, from: call.client)
        return .noContent
    }

    private func id(_ call: Call<some Sendable>) throws -> WorkspaceID {
        WorkspaceID(try call.path(Self.workspace))
    }
}
