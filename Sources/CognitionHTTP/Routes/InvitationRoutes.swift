import CognitionCore
package import CognitionIdentity
import HTTPTypes

/// Invitations to workspaces.
package struct InvitationRoutes: RouteGroup {
    package static let tag = WorkspaceRoutes.tag
    private let identity: Identity

    package init(identity: Identity) { self.identity = identity }

    package func routes(_ api: inout API) {
        api.route(
            .get, "workspaces/{id}/invitations", parameters: [Self.workspace, Query.limit, Query.cursor],
            answers: [.ok(Page<InvitationShape>.self)], errors: [.notFound, .forbidden], access: .credential,
            summary: "Lists invitations that wait to be accepted.",
            details: "Admins of the workspace may do this.", use: list)
        api.route(
            .post, "workspaces/{id}/invitations", body: InvitationRequest.self, parameters: [Self.workspace],
            answers: [.created(InvitationShape.self)],
            errors: [.notFound, .conflict, .forbidden, .limited, .unavailable], access: .credential,
            summary: "Sends somebody an invitation by mail.",
            details: """
                Admins of the workspace may do this. The mail has a token that is good once, for a week, and for its address \
                alone: for somebody who has logged in (`POST invitations/accept`), and for who registers with it. Another \
                invitation of the same address takes its place.
                """, use: invite)
        api.route(
            .delete, "workspaces/{id}/invitations/{invitation}", parameters: [Self.workspace, Self.invitation],
            answers: [.noContent], errors: [.notFound, .forbidden], access: .credential,
            summary: "Withdraws an invitation.", details: "Admins of the workspace may do this.", use: withdraw)
        api.route(
            .post, "invitations/accept", body: InvitationTokenRequest.self, answers: [.ok(WorkspaceShape.self)],
            errors: [.notFound, .conflict, .forbidden, .limited], access: .token,
            summary: "Makes one a member of the workspace to which one was invited.",
            details: "The invitation has to be one to the address of the token's user.", use: accept)
    }

    private static let workspace = Parameter.text("id", in: .path, "The workspace's name.", bytesMax: 63)
    private static let invitation = Parameter<InvitationID>(
        "invitation", in: .path, .uuid, "The invitation's id.", read: InvitationID.init)

    @Sendable private func list(_ call: Call<Void>) async throws -> Answer {
        let page = try await identity.invitations(
            of: try id(call), try call.page(of: "invitations"), as: call.caller)
        return .ok(
            Page(page.items.map(InvitationShape.init), next: page.next.map { Cursor("invitations", after: $0) }))
    }

    @Sendable private func invite(_ call: Call<InvitationRequest>) async throws -> Answer {
        let invitation = try await identity.invite(
            email: call.body.email, role: call.body.role, to: try id(call), as: call.caller, from: call.client)
        return .created(InvitationShape(invitation: invitation))
    }

    @Sendable private func withdraw(_ call: Call<Void>) async throws -> Answer {
        try await identity.withdraw(
            try call.path(Self.invitation), of: try id(call), as: call.caller, from: call.client)
        return .noContent
    }

    @Sendable private func accept(_ call: Call<InvitationTokenRequest>) async throws -> Answer {
        .ok(
            WorkspaceShape(
                membership: try await identity.acceptInvitation(call.body.token, as: call.caller, from: call.client)))
    }

    private func id(_ call: Call<some Sendable>) throws -> WorkspaceID {
        WorkspaceID(try call.path(Self.workspace))
    }
}
